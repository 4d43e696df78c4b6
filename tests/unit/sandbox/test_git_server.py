"""The sandbox's git host, asked by git itself over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from sandbox import git_server
from stacks.errors import MachineError
from tests.git_variables import git_as

REPOSITORY = "weather/dags.git"


def git(*arguments: str, folder: Path | None = None) -> str:
    environment = {"PATH": os.environ["PATH"], **git_as("author@example.org")}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "weather"
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "hello.py").write_text("print('one')\n")
    return folder


@pytest.fixture
def served(tmp_path: Path) -> Path:
    return tmp_path / "repositories"


@pytest.fixture
def url(served: Path) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(git_server.app(served), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


def test_a_published_folder_can_be_cloned(served: Path, source: Path, url: str, tmp_path: Path) -> None:
    commit = git_server.publish(served, REPOSITORY, source)
    git("clone", "--quiet", f"{url}/{REPOSITORY}", str(tmp_path / "clone"))
    assert git("rev-parse", "origin/main", folder=tmp_path / "clone") == commit
    assert (tmp_path / "clone" / "dags" / "hello.py").read_text() == "print('one')\n"


def test_a_change_arrives_by_fetch_as_one_commit_and_removes_what_is_gone(
    served: Path, source: Path, url: str, tmp_path: Path
) -> None:
    first = git_server.publish(served, REPOSITORY, source)
    clone = tmp_path / "clone"
    git("clone", "--quiet", f"{url}/{REPOSITORY}", str(clone))
    (source / "dags" / "hello.py").unlink()
    (source / "dags" / "other.py").write_text("print('two')\n")
    second = git_server.publish(served, REPOSITORY, source)
    git("fetch", "--quiet", folder=clone)
    assert git("rev-list", "origin/main", folder=clone).split() == [second, first]
    assert git("ls-tree", "-r", "--name-only", "origin/main", folder=clone) == "dags/other.py"


def test_the_same_content_makes_no_commit_or_every_up_would_make_all_dags_new(served: Path, source: Path) -> None:
    first = git_server.publish(served, REPOSITORY, source)
    (source / "dags" / "__pycache__").mkdir()
    (source / "dags" / "__pycache__" / "hello.pyc").write_bytes(b"compiled")
    assert git_server.publish(served, REPOSITORY, source) == first


def test_a_long_history_and_a_large_file_pass_in_pieces(served: Path, source: Path, url: str, tmp_path: Path) -> None:
    (source / "large.bin").write_bytes(os.urandom(3_000_000))
    for number in range(30):
        (source / "dags" / "hello.py").write_text(f"print({number})\n")
        git_server.publish(served, REPOSITORY, source)
    git("clone", "--quiet", f"{url}/{REPOSITORY}", str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "large.bin").stat().st_size == 3_000_000
    shallow = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"{url}/{REPOSITORY}", str(shallow))
    assert git("rev-list", "--count", "HEAD", folder=shallow) == "1"


def test_a_request_in_chunks_is_read_to_its_end(served: Path, source: Path, url: str) -> None:
    """Git sends what is larger than its buffer without a length."""
    commit = git_server.publish(served, REPOSITORY, source)
    headers = {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"}
    pieces = iter((b"0014command=ls-refs\n", b"0000"))
    answer = httpx.post(f"{url}/{REPOSITORY}/git-upload-pack", content=pieces, headers=headers, trust_env=False)
    assert f"{commit} refs/heads/main" in answer.text


def test_nobody_writes_over_http(served: Path, source: Path, url: str, tmp_path: Path) -> None:
    git_server.publish(served, REPOSITORY, source)
    clone = tmp_path / "clone"
    git("clone", "--quiet", f"{url}/{REPOSITORY}", str(clone))
    git("commit", "--quiet", "--allow-empty", "-m", "mine", folder=clone)
    with pytest.raises(AssertionError, match="403"):
        git("push", "--quiet", "origin", "main", folder=clone)


@pytest.mark.parametrize("path", ["/nothing.git/info/refs", "/../secret/info/refs", "/%2e%2e/secret/HEAD", "/"])
def test_what_is_no_repository_below_the_folder_is_not_served(
    served: Path, url: str, tmp_path: Path, path: str
) -> None:
    served.mkdir()
    git("init", "--quiet", "--bare", str(tmp_path / "secret"))
    answer = httpx.get(url + path, params={"service": "git-upload-pack"}, trust_env=False)
    assert answer.status_code == 404


def test_a_repository_outside_the_folder_is_refused(served: Path, source: Path) -> None:
    with pytest.raises(ValueError, match="leads out"):
        git_server.publish(served, "../elsewhere.git", source)


def test_settings_of_the_person_do_not_decide_what_is_published(
    served: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignore = tmp_path / "ignore"
    ignore.write_text("*.py\n")
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\n\texcludesFile = {ignore}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    git_server.publish(served, REPOSITORY, source)
    assert git("--git-dir", str(served / REPOSITORY), "ls-tree", "-r", "--name-only", "main") == "dags/hello.py"


def test_what_git_says_reaches_the_person(served: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="absent"):
        git_server.publish(served, REPOSITORY, tmp_path / "absent")
