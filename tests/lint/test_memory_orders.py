# SPDX-License-Identifier: MIT
"""The lint of memory orders finds what it should, and primitives/ is clean under it."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import memory_orders  # noqa: E402

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))

GOOD = """
std::atomic<int> a{0}, flag;
cell value;
void f() {
  a.load(std::memory_order_relaxed);
  a.store(1, std::memory_order_release);  // [grant] -> g()
  // [grant] <- f(): what breaks
  while (a.load(std::memory_order_acquire) == 0) relax();
  // [queue] <-> f(): a comment of
  // two lines above a statement of two
  a.compare_exchange_strong(x, y, std::memory_order_acq_rel,
                            std::memory_order_acquire);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  value.load();  // not an atomic
  using a = word<std::memory_order_acquire>;  // an order that is named is no access
  return order == std::memory_order_acquire;
}
"""

BAD = {
    "no label": "a.store(1, std::memory_order_release);",
    "no label, C++20 spelling": "a.store(1, std::memory_order::release);",
    "a label two lines above": "// [x] <-> f()\nint i = 0;\na.store(1, std::memory_order_release);",
    "a label at the access before": "a.store(0, std::memory_order_relaxed);  // [x] <-> f()\n"
                                    "a.store(1, std::memory_order_release);",
    "a label without an arrow": "a.store(1, std::memory_order_release);  // [x] f()",
    "no label on a fence": "std::atomic_thread_fence(std::memory_order_seq_cst);",
    "the wrong way round": "a.store(1, std::memory_order_release);  // [x] <- f()\n"
                           "a.load(std::memory_order_acquire);  // [x] -> f()",
    "no partner": "a.store(1, std::memory_order_release);  // [x] -> f()",
    "misspelt partner": "a.store(1, std::memory_order_release);  // [grant] -> f()\n"
                        "a.load(std::memory_order_acquire);  // [grnat] <- f()",
    "silent seq_cst load": "std::atomic<int> a; int i = a.load();",
    "silent seq_cst store": "std::atomic<std::array<int, 2>*> a; a.store(f(1, 2));",
    "silent seq_cst exchange of an element": "std::atomic<int> a[4]; a[i].exchange(1);",
    "silent seq_cst addition": "std::atomic<int> a; p->a.fetch_add(1);",
    "a partner in a class that is not named": "a.store(1, std::memory_order_release);  // [far] -> f()",
    "no partner in the class that is named": "a.store(1, std::memory_order_release);  // [near] -> other::f()",
}


class MemoryOrders(unittest.TestCase):
    elsewhere = {("far", "<-")}

    def test_good_sample_passes(self):
        self.assertEqual(memory_orders.check(GOOD), [])

    def test_each_bad_sample_fails(self):
        for what, sample in BAD.items():
            with self.subTest(what):
                self.assertNotEqual(memory_orders.check(sample, self.elsewhere), [])

    def test_partner_in_another_class_is_found(self):
        sample = "a.store(1, std::memory_order_release);  // [far] -> other::f()"
        self.assertEqual(memory_orders.check(sample, self.elsewhere), [])
        self.assertNotEqual(memory_orders.check(sample), [])

    def test_complaint_names_the_line(self):
        self.assertEqual(memory_orders.check("\n\na.load(std::memory_order_acquire);")[0][0], 3)

    def test_primitives_are_clean(self):
        self.assertEqual(memory_orders.main([str(ROOT / "primitives")]), 0)


if __name__ == "__main__":
    unittest.main()
