# SPDX-License-Identifier: MIT
"""The interpreter is searched for: the first of PATH that imports everything, wherever it stands in PATH."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))


@pytest.fixture
def interpreter(tmp_path):
    def make(folder, name, *modules):
        """A stub that fails at `import MODULE` for every module that is not in the list."""
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text('#!/bin/bash\nfor word in ${2//;/ }; do last=$word\n'
                        f'[[ $was == import && " sys {" ".join(modules)} " != *" $word "* ]] && exit 1\n'
                        'was=$word; done; exit 0\n')
        path.chmod(0o755)
        return path
    return make


def search(*modules, path=(), **env):
    folders = os.pathsep.join(str(folder) for folder in path)
    return subprocess.run(["/bin/bash", str(ROOT / "cmake" / "find_python.sh"), *modules], text=True, check=False,
                          capture_output=True, env={"PATH": folders, **env})


def test_the_first_that_has_all_modules_is_taken(interpreter):
    poor = interpreter("one", "python3", "matplotlib")
    rich = interpreter("two", "python3", "matplotlib", "no_such_module")
    folders = (poor.parent, rich.parent)
    assert search("matplotlib", path=folders).stdout.strip() == str(poor)
    assert search("matplotlib", "no_such_module", path=folders).stdout.strip() == str(rich)


def test_a_versioned_name_is_found(interpreter):
    interpreter("one", "python3")
    versioned = interpreter("one", "python3.12", "no_such_module")
    interpreter("one", "python3.12-config", "no_such_module")
    assert search("no_such_module", path=(versioned.parent,)).stdout.strip() == str(versioned)


def test_the_one_that_is_named_comes_first(interpreter):
    usual = interpreter("one", "python3", "no_such_module")
    named = interpreter("elsewhere", "python", "no_such_module")
    found = search("no_such_module", path=(usual.parent,), CONTEND_PYTHON=str(named))
    assert found.stdout.strip() == str(named)
    assert search("no_such_module", path=(usual.parent,), CONTEND_PYTHON="/no/such").stdout.strip() == str(usual)


def test_none_is_said_by_the_exit_status(interpreter):
    result = search("no_such_module", path=(interpreter("one", "python3").parent,))
    assert (result.returncode, result.stdout) == (1, "")
