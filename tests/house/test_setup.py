# SPDX-License-Identifier: MIT
"""cmake/setup.sh against a Debian made of stubs: what it shows, what it asks, what it installs, how it stops."""
import os
import pathlib
import pty
import select
import shutil
import subprocess
import time

import pytest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
SETUP = ROOT / "cmake" / "setup.sh"
TOOLS = ["bash", "cat", "dirname", "env", "find", "grep", "head", "mktemp", "rm", "sed", "tail", "tee", "true"]

DPKG_QUERY = """#!/bin/bash
shift 3  # -W -f FORMAT
for package in "$@"; do
  if grep -qx "$package" "$FAKE/installed"; then echo "$package ii "; fi
done
"""
APT_GET = """#!/bin/bash
echo "apt-get $*" >>"$FAKE/log"
echo "frontend=$DEBIAN_FRONTEND" >>"$FAKE/log"
if [[ $* == *update* ]]; then touch "$FAKE/lists/mirror_Packages"; echo Fetched 1 kB; exit "${FAKE_UPDATE_RC-0}"; fi
if [[ -s $FAKE/fail_once ]]; then cat "$FAKE/fail_once" >&2; rm "$FAKE/fail_once"; exit 100; fi
[[ -z $FAKE_INSTALL_NOTHING ]] || exit 0
for word in "$@"; do echo "$word" >>"$FAKE/installed"; done
"""
SUDO = """#!/bin/bash
echo "sudo $*" >>"$FAKE/log"
if [[ $1 == -n ]]; then [[ -n $FAKE_SUDO_FREE ]] || exit 1; shift; fi
exec "$@"
"""


class Debian:
    def __init__(self, folder, user="root", sudo=None, apt=True):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        (folder / "lists").mkdir()
        self.fresh_lists()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.stub("id", f"#!/bin/bash\necho {0 if user == 'root' else 1000}\n")
        self.stub("sleep", '#!/bin/bash\necho "sleep $*" >>"$FAKE/log"\n')
        if apt:
            self.stub("dpkg-query", DPKG_QUERY)
            self.stub("apt-get", APT_GET)
        if sudo:
            self.stub("sudo", SUDO)
        self.env = {"PATH": str(self.bin), "FAKE": str(folder), "CONTEND_APT_LISTS": str(folder / "lists"),
                    "FAKE_SUDO_FREE": "1" if sudo == "free" else ""}
        self.all = self.run("--list", "build", "test").stdout.split()
        self.installed(*self.all)

    def stub(self, name, text):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def installed(self, *packages):
        (self.folder / "installed").write_text("".join(f"{package}\n" for package in packages))

    def lacks(self, *packages):
        self.installed(*(package for package in self.all if package not in packages))

    def fresh_lists(self):
        (self.folder / "lists" / "mirror_Packages").touch()

    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def installs(self):
        return [line for line in self.log().splitlines() if line.startswith("apt-get") and " install " in line]

    def run(self, *words, **env):
        return subprocess.run(["bash", str(SETUP), *(words or ("build", "test"))], env=self.env | env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)

    def run_on_terminal(self, answer, **env):
        """Runs with a pseudo-terminal on all three streams and types the answer at the question."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(["bash", str(SETUP), "build", "test"], env=self.env | env, stdin=terminal,
                                   stdout=terminal, stderr=terminal, close_fds=True, start_new_session=True)
        os.close(terminal)
        seen, typed, until = "", False, time.monotonic() + 30
        while time.monotonic() < until:
            if select.select([controller], [], [], 0.1)[0]:
                try:
                    chunk = os.read(controller, 4096).decode()
                except OSError:  # the other side is closed
                    break
                if not chunk:
                    break
                seen += chunk
            if "[Y/n]" in seen and not typed:
                os.write(controller, answer.encode())
                typed = True
        os.close(controller)
        return subprocess.CompletedProcess([], process.wait(30), seen, typed)


@pytest.fixture
def debian(tmp_path):
    return lambda **how: Debian(tmp_path, **how)


def test_nothing_missing_is_silent_and_quick(debian):
    system = debian()
    start = time.monotonic()
    result = system.run()
    print(f"took {time.monotonic() - start:.3f} s")  # reported, not asserted
    assert (result.returncode, result.stdout, result.stderr, system.log()) == (0, "", "", "")


def test_root_without_terminal_installs_and_waits_for_locks(debian):
    system = debian()
    system.lacks("libhwloc-dev", "libgtest-dev")
    result = system.run()
    assert result.returncode == 0, result.stderr
    assert "  apt-get install --no-install-recommends libhwloc-dev libgtest-dev\n" in result.stderr
    [line] = system.installs()
    assert "-o DPkg::Lock::Timeout=300" in line
    assert line.endswith("install -y --no-install-recommends libhwloc-dev libgtest-dev")
    assert "frontend=noninteractive" in system.log()
    assert "update" not in system.log()  # the lists are of today
    assert "sudo" not in system.log() + result.stderr


def test_missing_lists_are_fetched_first(debian):
    system = debian()
    system.lacks("libfmt-dev")
    (system.folder / "lists" / "mirror_Packages").unlink()
    result = system.run()
    assert result.returncode == 0
    assert "  apt-get update && apt-get install --no-install-recommends libfmt-dev\n" in result.stderr
    assert system.log().index("update") < system.log().index("install")


def test_old_lists_are_fetched_first(debian):
    system = debian()
    system.lacks("libfmt-dev")
    os.utime(system.folder / "lists" / "mirror_Packages", (0, 0))
    assert system.run().returncode == 0
    assert "update" in system.log()


def test_a_failed_update_does_not_stop_the_install(debian):
    system = debian()
    system.lacks("libfmt-dev")
    (system.folder / "lists" / "mirror_Packages").unlink()
    result = system.run(FAKE_UPDATE_RC="100")
    assert result.returncode == 0
    assert "apt-get update failed" in result.stderr


def test_a_failed_install_is_tried_again_with_new_lists(debian):
    system = debian()
    system.lacks("libfmt-dev")
    (system.folder / "fail_once").write_text("E: Failed to fetch libfmt-dev 404\n")
    assert system.run().returncode == 0
    assert len(system.installs()) == 2 and "update" in system.log()


def test_a_held_lock_is_waited_for(debian):
    system = debian()
    system.lacks("libfmt-dev")
    (system.folder / "fail_once").write_text("E: Could not get lock /var/lib/apt/lists/lock\n")
    assert system.run().returncode == 0
    assert "sleep 5" in system.log() and "update" not in system.log()


def test_apt_that_installs_nothing_is_not_believed(debian):
    system = debian()
    system.lacks("libfmt-dev")
    result = system.run(FAKE_INSTALL_NOTHING="1")
    assert result.returncode == 2
    assert "these are missing: libfmt-dev" in result.stderr


def test_no_install_forbids(debian):
    system = debian()
    system.lacks("libfmt-dev")
    result = system.run(CONTEND_NO_INSTALL="1")
    assert result.returncode == 2
    assert "  apt-get install --no-install-recommends libfmt-dev\n" in result.stderr
    assert "CONTEND_NO_INSTALL" in result.stderr
    assert system.log() == ""
    system.installed(*system.all)
    assert system.run(CONTEND_NO_INSTALL="1").returncode == 0


def test_no_install_forbids_on_a_terminal_too(debian):
    system = debian()
    system.lacks("libfmt-dev")
    result = system.run_on_terminal("y\n", CONTEND_NO_INSTALL="1")
    assert (result.returncode, result.stderr, system.log()) == (2, False, "")


def test_sudo_without_password_goes_ahead(debian):
    system = debian(user="me", sudo="free")
    system.lacks("libfmt-dev")
    result = system.run()
    assert result.returncode == 0
    assert "  sudo apt-get install --no-install-recommends libfmt-dev\n" in result.stderr
    assert "sudo -n env DEBIAN_FRONTEND=noninteractive" in system.log()
    assert len(system.installs()) == 1


def test_sudo_with_password_and_no_terminal_stops(debian):
    system = debian(user="me", sudo="password")
    system.lacks("libfmt-dev")
    result = system.run()
    assert result.returncode == 2
    assert "  sudo apt-get install --no-install-recommends libfmt-dev\n" in result.stderr
    assert "password" in result.stderr and not system.installs()


def test_neither_root_nor_sudo_stops(debian):
    system = debian(user="me")
    system.lacks("libfmt-dev")
    result = system.run()
    assert result.returncode == 2
    assert "  apt-get install --no-install-recommends libfmt-dev\n" in result.stderr
    assert "neither root nor sudo" in result.stderr and not system.installs()


@pytest.mark.parametrize("answer", ["\n", "y\n", "Yes\n"])
def test_terminal_asks_and_yes_installs(debian, answer):
    system = debian(user="me", sudo="password")
    system.lacks("libfmt-dev")
    result = system.run_on_terminal(answer)
    assert (result.returncode, result.stderr) == (0, True), result.stdout
    assert len(system.installs()) == 1
    assert "sudo env DEBIAN_FRONTEND" in system.log()  # without -n: sudo may ask for its password


@pytest.mark.parametrize("answer", ["n\n", "what\n", "\x04"])
def test_terminal_asks_and_no_stops(debian, answer):
    system = debian()
    system.lacks("libfmt-dev")
    result = system.run_on_terminal(answer)
    assert (result.returncode, result.stderr) == (2, True), result.stdout
    assert not system.installs()


def test_ci_is_not_asked_even_on_a_terminal(debian):
    system = debian()
    system.lacks("libfmt-dev")
    result = system.run_on_terminal("n\n", CI="true")
    assert (result.returncode, result.stderr) == (0, False), result.stdout
    assert len(system.installs()) == 1


def test_a_compiler_from_elsewhere_counts(debian):
    system = debian()
    system.lacks("g++")
    system.stub("clang++", "#!/bin/bash\n")
    assert system.run(CONTEND_NO_INSTALL="1").returncode == 0


def test_an_interpreter_with_the_modules_counts(debian):
    system = debian()
    system.lacks("python3-scipy", "python3-numpy")
    other = system.folder / "python3"
    system.stub("python3", '#!/bin/bash\n[[ $2 == *numpy* && $2 == *scipy* && $2 == *pytest* ]]\n')
    assert system.run(CONTEND_NO_INSTALL="1").returncode == 0
    other.write_text("#!/bin/bash\nexit 1\n")
    other.chmod(0o755)
    system.stub("python3", other.read_text())
    # /usr/bin/python3 may have them or not, so only the answer of the script that searches is compared.
    found = subprocess.run(["bash", str(ROOT / "cmake" / "find_python.sh"), "matplotlib", "numpy", "scipy", "jinja2",
                            "jsonschema", "pytest"], env=system.env, check=False, capture_output=True).returncode
    assert system.run(CONTEND_NO_INSTALL="1").returncode == (0 if found == 0 else 2)


def test_a_system_without_apt_names_missing_tools(debian):
    system = debian(apt=False)
    result = system.run()
    assert result.returncode == 2
    for name in ("g++", "cmake", "make"):
        assert name in result.stderr
    for tool in ("g++", "cmake", "make", "pkg-config", "python3", "ninja"):
        system.stub(tool, "#!/bin/bash\n")
    assert system.run().returncode == 0  # the libraries are cmake's to look for


def test_a_group_that_does_not_exist(debian):
    result = debian().run("nonsense")
    assert result.returncode == 2 and "nonsense" in result.stderr
