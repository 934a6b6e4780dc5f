// SPDX-License-Identifier: MIT
// Statistics against values worked out by hand, the histogram's error bound, and files on devices that fail.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "perf/record/atomic_file.hpp"
#include "perf/record/histogram.hpp"
#include "perf/record/statistics.hpp"
#include "tests/perf/scratch.hpp"

namespace contend::record {
namespace {

using list = std::vector<double>;
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

TEST(median, of_odd_and_even_counts_in_any_order) {
  EXPECT_EQ(median(list{5, 1, 3}), 3);
  EXPECT_EQ(median(list{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median(list{7}), 7);
}

TEST(median, leaves_out_what_was_not_measured) {
  EXPECT_EQ(median(list{missing, 2, missing, 4, 6}), 4);
  EXPECT_EQ(median(list{}), std::nullopt);
  EXPECT_EQ(median(list{missing}), std::nullopt);
}

// Coverage of x(k) … x(n+1−k): 1 − 2·Σ_{i<k} C(n,i) / 2^n.
TEST(median_interval, states_the_coverage_that_it_reaches) {
  const auto six = median_interval(list{6, 5, 4, 3, 2, 1});
  ASSERT_TRUE(six);
  EXPECT_EQ(six->low, 1);
  EXPECT_EQ(six->high, 6);
  EXPECT_DOUBLE_EQ(six->coverage, 1 - 2.0 / 64);  // 0.96875

  const auto five = median_interval(list{1, 2, 3, 4, 5});  // nothing reaches 0.95: the widest there is
  EXPECT_EQ(five->low, 1);
  EXPECT_EQ(five->high, 5);
  EXPECT_DOUBLE_EQ(five->coverage, 0.9375);

  const auto one = median_interval(list{3});
  EXPECT_EQ(one->low, 3);
  EXPECT_EQ(one->high, 3);
  EXPECT_EQ(one->coverage, 0);
}

TEST(median_interval, is_the_narrowest_that_is_wide_enough) {
  list ten;
  for (int i = 1; i <= 10; ++i) ten.push_back(i);
  const auto wide = median_interval(ten, 0.95);  // x(2) … x(9): 1 − 2·11/1024
  EXPECT_EQ(wide->low, 2);
  EXPECT_EQ(wide->high, 9);
  EXPECT_NEAR(wide->coverage, 1 - 22.0 / 1024, 1e-12);
  const auto narrow = median_interval(ten, 0.85);  // x(3) … x(8): 1 − 2·56/1024 = 0.891
  EXPECT_EQ(narrow->low, 3);
  EXPECT_EQ(narrow->high, 8);
  EXPECT_NEAR(narrow->coverage, 1 - 112.0 / 1024, 1e-12);
}

TEST(median_interval, of_many_samples_does_not_overflow) {
  list many(2001);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i);
  const auto bounds = median_interval(many, 0.95);
  // Normal approximation: 1000 ± 1.96·√2001/2 = 1000 ± 43.8.
  EXPECT_NEAR(bounds->low, 956, 1.5);
  EXPECT_EQ(bounds->low + bounds->high, 2000);
  EXPECT_GE(bounds->coverage, 0.95);
  EXPECT_LT(bounds->coverage, 0.96);
}

TEST(median_interval, really_covers_as_often_as_it_says) {
  std::mt19937_64 random(20240229);
  std::exponential_distribution<double> skewed(1);
  int covered = 0;
  constexpr int experiments = 4000;
  for (int i = 0; i < experiments; ++i) {
    list samples(9);
    for (double& x : samples) x = skewed(random);
    const auto bounds = median_interval(samples);  // x(2) … x(8): 1 − 2·10/512 = 0.961
    covered += bounds->low <= std::log(2.0) && std::log(2.0) <= bounds->high;
  }
  EXPECT_NEAR(static_cast<double>(covered) / experiments, 1 - 20.0 / 512, 0.012);  // 4 standard errors
}

TEST(paired_ratio, cancels_what_disturbed_both_of_a_pair) {
  const auto ratio = paired_ratio(list{20, 200, 2000}, list{10, 100, 1000});
  ASSERT_TRUE(ratio);
  EXPECT_DOUBLE_EQ(ratio->value, 2);
  EXPECT_DOUBLE_EQ(ratio->low, 2);
  EXPECT_DOUBLE_EQ(ratio->high, 2);
  EXPECT_EQ(ratio->count, 3U);
}

TEST(paired_ratio, swapped_is_the_reciprocal) {
  const list a{1, 2, 3, 9}, b{2, 2, 2, 2};
  const auto ab = paired_ratio(a, b), ba = paired_ratio(b, a);
  EXPECT_DOUBLE_EQ(ab->value, std::sqrt(1.5));  // ratios .5 1 1.5 4.5, middle of 1 and 1.5 in the logarithm
  EXPECT_DOUBLE_EQ(ba->value, 1 / ab->value);
  EXPECT_DOUBLE_EQ(ba->low, 1 / ab->high);
}

TEST(paired_ratio, drops_pairs_that_lack_a_side) {
  const auto ratio = paired_ratio(list{missing, 6, 0, 8}, list{1, 2, 3, missing, 5});
  ASSERT_TRUE(ratio);
  EXPECT_DOUBLE_EQ(ratio->value, 3);
  EXPECT_EQ(ratio->count, 1U);
  EXPECT_EQ(paired_ratio(list{missing}, list{1}), std::nullopt);
}

TEST(fairness, jain_index_and_shares) {
  EXPECT_EQ(jain_index(list{5, 5, 5, 5}), 1);
  EXPECT_EQ(jain_index(list{0, 0, 8, 0}), 0.25);
  EXPECT_DOUBLE_EQ(*jain_index(list{1, 3}), 0.8);  // 16 / (2·10)
  const auto range = min_max_share(list{1, 3, 4});
  EXPECT_DOUBLE_EQ(range->min, 0.125);
  EXPECT_DOUBLE_EQ(range->max, 0.5);
}

TEST(fairness, of_nothing_is_unknown_and_not_zero) {
  EXPECT_EQ(jain_index(list{}), std::nullopt);
  EXPECT_EQ(jain_index(list{0, 0}), std::nullopt);
  EXPECT_EQ(min_max_share(list{0, 0}), std::nullopt);
}

std::vector<std::uint64_t> sweep() {
  std::vector<std::uint64_t> values;
  for (std::uint64_t value = 0; value < 5000; ++value) values.push_back(value);
  for (unsigned bit = 3; bit < histogram::top_bits; ++bit)  // edges of every octave and of its first sub-bucket
    for (std::uint64_t near : {std::uint64_t{1} << bit, (std::uint64_t{1} << bit) + (std::uint64_t{1} << bit) / 64})
      for (std::uint64_t value = near - 2; value <= near + 2; ++value) values.push_back(value);
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(0, histogram::top_bits);
  for (int i = 0; i < 20000; ++i) values.push_back(static_cast<std::uint64_t>(std::exp2(exponent(random))));
  return values;
}

TEST(latency_histogram, every_value_reads_back_within_the_bound) {
  for (const std::uint64_t value : sweep()) {
    if (value >= std::uint64_t{1} << histogram::top_bits) continue;
    const double back = histogram::middle_of(histogram::bucket_of(value));
    ASSERT_LE(std::abs(back - static_cast<double>(value)), histogram::relative_error * static_cast<double>(value))
        << value << " reads back as " << back;
  }
}

TEST(latency_histogram, buckets_follow_each_other_without_gap) {
  std::size_t last = 0;
  for (std::uint64_t value = 0; value < 1 << 20; ++value) {
    const std::size_t bucket = histogram::bucket_of(value);
    ASSERT_TRUE(bucket == last || bucket == last + 1) << value;
    last = bucket;
  }
  EXPECT_EQ(histogram::bucket_of(std::numeric_limits<std::uint64_t>::max()), histogram::bucket_count - 1);
}

TEST(latency_histogram, quantiles_agree_with_sorting_within_the_bound) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> latency(6, 2);
  auto measured = std::make_unique<histogram>();
  std::vector<std::uint64_t> values(12345);
  for (auto& value : values) {
    value = static_cast<std::uint64_t>(latency(random));
    measured->record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = std::max(1.0, std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[static_cast<std::size_t>(rank) - 1]);
    EXPECT_NEAR(*measured->quantile(q), exact, histogram::relative_error * exact) << "q = " << q;
  }
  EXPECT_EQ(measured->quantile(1), static_cast<double>(values.back()));
  EXPECT_EQ(measured->max(), values.back());
}

TEST(latency_histogram, nearest_rank_by_hand) {
  histogram measured;
  for (std::uint64_t value = 1; value <= 100; ++value) measured.record(value);
  EXPECT_EQ(measured.quantile(0), 1);
  EXPECT_EQ(measured.quantile(0.07), 7);  // 0.07 · 100 is a hair over 7 in floating point
  EXPECT_EQ(measured.quantile(0.5), 50);
  EXPECT_EQ(measured.quantile(0.501), 51);
  EXPECT_EQ(measured.quantile(0.99), 99);
  EXPECT_EQ(measured.quantile(0.999), 100);
  EXPECT_EQ(measured.count(), 100U);
}

TEST(latency_histogram, empty_knows_nothing) {
  const histogram measured;
  EXPECT_EQ(measured.count(), 0U);
  EXPECT_EQ(measured.max(), std::nullopt);
  EXPECT_EQ(measured.quantile(0.5), std::nullopt);
}

TEST(latency_histogram, covers_a_minute_and_saturates_beyond_its_top) {
  histogram measured;
  measured.record(60'000'000'000);
  EXPECT_EQ(measured.saturated(), 0U);
  const std::uint64_t hour = 3'600'000'000'000;
  measured.record(hour);
  measured.record(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(measured.saturated(), 2U);
  EXPECT_NEAR(*measured.quantile(0.3), 60e9, 60e9 * histogram::relative_error);
  EXPECT_EQ(measured.quantile(0.5), static_cast<double>(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(measured.max(), std::numeric_limits<std::uint64_t>::max());
}

TEST(latency_histogram, merging_is_recording_everything_in_one) {
  histogram a, b, both;
  for (const std::uint64_t value : sweep()) {
    (value % 3 == 0 ? a : b).record(value);
    both.record(value);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.max(), both.max());
  for (double q = 0; q <= 1; q += 0.001) ASSERT_EQ(a.quantile(q), both.quantile(q)) << q;
  a.reset();
  EXPECT_EQ(a.count(), 0U);
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// what() of the failure of writing `text` to `path`, or "" if it went well.
std::string failure(const std::filesystem::path& path, std::string_view text) {
  try {
    write_atomically(path, text);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "";
}

TEST(atomic_file, replaces_the_content_and_leaves_nothing_else) {
  const testing::scratch folder;
  const auto path = folder.path() / "results.json";
  write_atomically(path, "first, and longer");
  write_atomically(path, "second");
  EXPECT_EQ(content(path), "second");
  write_atomically(path, "");
  EXPECT_EQ(content(path), "");
  EXPECT_EQ(testing::scratch::entries(folder.path()), 1);
}

TEST(atomic_file, a_relative_name_without_folder_works) {
  const testing::scratch folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_atomically("results.json", "here");
  std::filesystem::current_path(before);
  EXPECT_EQ(content(folder.path() / "results.json"), "here");
}

TEST(atomic_file, has_the_mode_that_a_plain_file_gets) {
  const testing::scratch folder;
  const mode_t before = ::umask(022);
  write_atomically(folder.path() / "results.json", "x");
  ::umask(before);
  struct stat found {};
  ASSERT_EQ(::stat((folder.path() / "results.json").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0644U);
}

TEST(atomic_file, a_reader_never_meets_half_a_file) {
  const testing::scratch folder;
  const auto path = folder.path() / "results.json";
  const std::string a(100'000, 'a'), b(100'000, 'b');
  write_atomically(path, a);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) write_atomically(path, i % 2 == 0 ? b : a);
    done.store(true, std::memory_order_relaxed);
  });
  int torn = 0;
  do {
    const std::string seen = content(path);
    torn += seen != a && seen != b;
  } while (!done.load(std::memory_order_relaxed));
  writer.join();
  EXPECT_EQ(torn, 0);
}

TEST(atomic_file, a_missing_folder_is_one_clear_sentence) {
  const testing::scratch folder;
  const auto path = folder.path() / "nowhere" / "results.json";
  EXPECT_EQ(failure(path, "x"), "cannot write '" + path.string() + "': No such file or directory");
}

// Also for root, who is stopped by no permission bits: a path below a file, and a file system that takes no files.
TEST(atomic_file, an_unwritable_folder_is_one_clear_sentence) {
  testing::scratch folder;
  folder.put("file", "x");
  const auto below_a_file = folder.path() / "file" / "results.json";
  EXPECT_EQ(failure(below_a_file, "x"), "cannot write '" + below_a_file.string() + "': Not a directory");
  EXPECT_EQ(failure("/proc/self/results.json", "x").rfind("cannot write '/proc/self/results.json': ", 0), 0U);
}

TEST(atomic_file, a_folder_in_the_way_stays_and_no_temporary_file_does) {
  const testing::scratch folder;
  const auto path = folder.path() / "results.json";
  std::filesystem::create_directory(path);
  EXPECT_EQ(failure(path, "x"), "cannot write '" + path.string() + "': Is a directory");
  EXPECT_EQ(testing::scratch::entries(folder.path()), 1);
}

/// Runs `body` in a child whose files cannot grow over 64 kB. Returns its exit status.
template <class F>
int with_small_files(F&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{65536, 65536};
    ::_exit(::setrlimit(RLIMIT_FSIZE, &small) == 0 ? body() : 99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(atomic_file, when_a_write_fails_half_way_the_old_file_is_untouched) {
  const testing::scratch folder;
  const auto path = folder.path() / "results.json";
  write_atomically(path, "old");
  const std::string big(1 << 20, 'x');
  const int status = with_small_files(
      [&] { return failure(path, big) == "cannot write '" + path.string() + "': File too large" ? 42 : 1; });
  EXPECT_EQ(status, 42);
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(testing::scratch::entries(folder.path()), 1);
}

TEST(atomic_file, on_a_full_device_the_old_file_is_untouched) {
  const testing::scratch folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "mounting a small tmpfs is not permitted here; the test before covers the failing write";
  const auto path = folder.path() / "results.json";
  write_atomically(path, "old");
  const std::string big(1 << 20, 'x');
  const std::string sentence = failure(path, big);
  const std::string left = content(path);
  const long entries = testing::scratch::entries(folder.path());
  ::umount(folder.path().c_str());
  EXPECT_EQ(sentence, "cannot write '" + path.string() + "': No space left on device");
  EXPECT_EQ(left, "old");
  EXPECT_EQ(entries, 1);
}

}  // namespace
}  // namespace contend::record
