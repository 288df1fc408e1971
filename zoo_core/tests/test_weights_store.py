"""The store: what was fetched once is known again, and nothing is ever taken for something else."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from zoo import settings
from zoo.errors import ArgumentError, WeightsFileError
from zoo.settings import config_folder, weights_folder, weights_settings
from zoo.weights import downloads, hub
from zoo.weights.store import fetch

from .http_server import Server, answer, answer_json, hold, serve, weights_file

WEIGHTS = weights_file(seed=1)
OTHER = weights_file(seed=2)
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
OTHER_DIGEST = hashlib.sha256(OTHER).hexdigest()
MD5 = hashlib.md5(WEIGHTS, usedforsecurity=False).hexdigest()

FETCH = """\
import sys
from zoo.weights.store import fetch
url, digest = sys.argv[1:]
fetched = fetch(url, file_name="a.safetensors", sha256=digest or None)
assert "keras" not in sys.modules
print(fetched.path)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0.01)
    for variable in ("ZOO_WEIGHTS", "ZOO_MIRROR", "ZOO_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def url(server: Server) -> str:
    server.files["/a.safetensors"] = WEIGHTS
    return f"{server.url}/a.safetensors"


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that were downloaded by hand; it is empty."""
    folder = tmp_path / "stick"
    folder.mkdir()
    monkeypatch.setenv("ZOO_WEIGHTS", os.pathsep.join([str(tmp_path / "absent"), str(folder)]))
    return folder


def get(url: str, **digests: str) -> bytes:
    return fetch(url, file_name="a.safetensors", **digests).path.read_bytes()


def in_store() -> list[Path]:
    return [path for path in weights_folder().glob("files/**/*") if path.is_file()]


def the_pin() -> Path:
    (pin,) = weights_folder().glob("pins/*.json")
    return pin


# -- pins


def test_a_pin_tells_what_was_fetched_from_where(server: Server, url: str) -> None:
    get(url)
    pin = json.loads(the_pin().read_text())
    assert len(pin.pop("date")) == 10
    assert pin == {
        "source": url,
        "sha256": DIGEST,
        "md5": MD5,
        "size": len(WEIGHTS),
        "file_name": "a.safetensors",
    }


def test_a_body_that_changed_after_it_was_pinned_is_refused_until_the_pin_is_deleted(server: Server, url: str) -> None:
    get(url)
    for path in in_store():
        path.unlink()
    server.files["/a.safetensors"] = OTHER
    for _ in range(2):
        with pytest.raises(WeightsFileError) as caught:
            get(url)
        assert f"{OTHER_DIGEST}, but {DIGEST} was pinned on 20" in caught.value.found
        assert caught.value.advice == f"if the new file is the right one, delete {the_pin()} and try again"
    assert in_store() == []
    the_pin().unlink()
    assert get(url) == OTHER


def test_a_promised_digest_wins_over_an_older_pin(server: Server, url: str) -> None:
    get(url)
    server.files["/a.safetensors"] = OTHER
    assert get(url, sha256=OTHER_DIGEST[:8]) == OTHER
    assert json.loads(the_pin().read_text())["sha256"] == OTHER_DIGEST


@pytest.mark.parametrize(("md5", "right"), [(MD5, True), ("0" * 32, False)])
def test_an_md5_is_checked_where_that_is_what_is_published(url: str, md5: str, right: bool) -> None:
    if right:
        assert get(url, md5=md5) == WEIGHTS
    else:
        with pytest.raises(WeightsFileError, match=f"has the MD5 {MD5}, but {md5} is expected"):
            get(url, md5=md5)
        assert in_store() == []


def test_a_file_of_the_store_that_lost_bytes_is_fetched_again(server: Server, url: str) -> None:
    get(url)
    in_store()[0].write_bytes(WEIGHTS[:100])
    assert get(url) == WEIGHTS
    assert len(server.requests) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"sha256": 1}'])
def test_a_damaged_pin_is_an_error_that_names_it(url: str, damage: str) -> None:
    get(url)
    the_pin().write_text(damage)
    with pytest.raises(WeightsFileError, match=rf"the pin {the_pin()} is damaged .*; delete it"):
        get(url)


def test_a_pin_cannot_lead_out_of_the_store(url: str) -> None:
    get(url)
    pin = json.loads(the_pin().read_text())
    the_pin().write_text(json.dumps({**pin, "file_name": "../../../a.safetensors"}))
    with pytest.raises(WeightsFileError, match="is damaged"):
        get(url)


@pytest.mark.parametrize(
    ("path", "file_name"),
    [
        ("/x/y.h5?download=1&v=2", "y.h5"),
        ("/x/my%20file.h5", "my_file.h5"),
        ("/x/..%2F..%2Fevil.h5", "evil.h5"),
        ("/x/.hidden", "hidden"),
        ("/", "weights"),
    ],
)
def test_a_file_is_called_by_the_end_of_its_url_and_stays_in_the_store(
    server: Server, path: str, file_name: str
) -> None:
    server.files[path] = WEIGHTS
    fetched = fetch(server.url + path, file_name=path.rpartition("/")[2])
    assert fetched.path == weights_folder() / "files" / DIGEST / file_name


# -- by hand


@pytest.mark.parametrize("known", [{}, {"sha256": DIGEST}, {"sha256": DIGEST[:8]}, {"md5": MD5}])
def test_a_file_that_was_downloaded_by_hand_is_used_where_it_lies(
    stick: Path, server: Server, url: str, known: dict[str, str]
) -> None:
    (stick / "a.safetensors").write_bytes(WEIGHTS)
    for _ in range(2):
        fetched = fetch(url, file_name="a.safetensors", **known)
        assert (fetched.path, fetched.sha256) == (stick / "a.safetensors", DIGEST)
    assert server.requests == []
    assert in_store() == []


def test_another_file_of_that_name_is_refused_with_both_digests(stick: Path, url: str) -> None:
    (stick / "a.safetensors").write_bytes(OTHER)
    with pytest.raises(WeightsFileError) as caught:
        get(url, sha256=DIGEST)
    assert caught.value.found == f"{stick / 'a.safetensors'} has the SHA-256 {OTHER_DIGEST}, but {DIGEST} is expected"


def test_a_file_by_hand_is_pinned_at_its_first_use_and_checked_ever_after(stick: Path, url: str) -> None:
    (stick / "a.safetensors").write_bytes(WEIGHTS)
    get(url)
    (stick / "a.safetensors").write_bytes(weights_file(seed=2, count=10))
    with pytest.raises(WeightsFileError, match=f"but {DIGEST} was pinned on .* delete {the_pin()} and try again"):
        get(url)
    # One of the same size is only known by its digest, which the reader of the file takes.
    (stick / "a.safetensors").write_bytes(OTHER)
    assert fetch(url, file_name="a.safetensors").sha256 == DIGEST


def test_a_web_page_that_was_saved_by_hand_is_never_pinned(stick: Path, url: str) -> None:
    (stick / "a.safetensors").write_text("<html>Not found</html>")
    with pytest.raises(WeightsFileError, match=r"a\.safetensors is not a weights file: it is a web page"):
        get(url)
    assert list(weights_folder().glob("pins/*")) == []


def test_a_file_can_be_put_into_the_store_by_hand(server: Server, url: str) -> None:
    folder = weights_folder() / "by_hand"
    folder.mkdir(parents=True)
    (folder / "a.safetensors").write_bytes(WEIGHTS)
    assert get(url) == WEIGHTS
    assert server.requests == []


# -- offline


@pytest.mark.parametrize(
    ("known", "promise"),
    [
        ({}, "its digest is unknown"),
        ({"sha256": DIGEST}, f"SHA-256 {DIGEST}"),
        ({"sha256": DIGEST[:8]}, f"SHA-256 {DIGEST[:8]}..."),
        ({"md5": MD5}, f"MD5 {MD5}"),
    ],
)
def test_offline_says_exactly_which_file_to_put_where(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch, known: dict[str, str], promise: str
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(WeightsFileError) as caught:
        get(url, **known)
    target = weights_folder() / "by_hand" / "a.safetensors"
    assert caught.value.advice == f"download {url} ({promise}) on another machine and copy it to {target}"
    assert server.requests == []
    target.parent.mkdir(parents=True)
    target.write_bytes(WEIGHTS)
    assert get(url, **known) == WEIGHTS


def test_offline_uses_what_the_store_holds(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    get(url)
    monkeypatch.setenv("ZOO_OFFLINE", "true")
    assert get(url) == WEIGHTS


def test_offline_names_the_first_of_the_users_own_folders(
    stick: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(WeightsFileError, match=rf"copy it to {stick.parent / 'absent' / 'a.safetensors'}$"):
        get(url)


# -- mirror


def test_a_mirror_is_asked_first(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/mirror/a.safetensors"] = WEIGHTS
    monkeypatch.setenv("ZOO_MIRROR", f"{server.url}/mirror/")
    assert get(url) == WEIGHTS
    assert [request.path for request in server.requests] == ["/mirror/a.safetensors"]
    assert json.loads(the_pin().read_text())["source"] == url


def test_what_the_mirror_lacks_comes_from_its_own_address(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_MIRROR", f"{server.url}/mirror")
    assert get(url) == WEIGHTS
    assert [request.path for request in server.requests] == ["/mirror/a.safetensors", "/a.safetensors"]


def test_the_file_of_a_mirror_has_to_be_the_right_one(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/mirror/a.safetensors"] = OTHER
    monkeypatch.setenv("ZOO_MIRROR", f"{server.url}/mirror")
    with pytest.raises(WeightsFileError, match=rf"/mirror/a\.safetensors has the SHA-256 {OTHER_DIGEST}"):
        get(url, sha256=DIGEST)
    assert in_store() == []


def test_a_part_from_the_mirror_is_not_completed_from_elsewhere(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/mirror/a.safetensors"] = OTHER
    monkeypatch.setenv("ZOO_MIRROR", f"{server.url}/mirror")
    server.script.extend([serve(cut_after=1000, etag='"1"'), answer(404), serve(etag='"1"')])
    assert get(url) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 1000, 0]


def test_the_password_of_a_mirror_is_used_and_not_shown(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    private = server.url.replace("http://", "http://me:secret@") + "/mirror"
    monkeypatch.setenv("ZOO_MIRROR", private)
    server.script.extend([answer(500), answer(401)])
    with pytest.raises(WeightsFileError, match="the server answers 401") as caught:
        get(url)
    assert "secret" not in str(caught.value) + caplog.text
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


# -- settings


def settings_file(text: str) -> Path:
    path = config_folder() / "settings.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_are_read_from_a_file() -> None:
    path = settings_file('[weights]\nfolder = "~/stick"\nmirror = "https://mirror.org/zoo"\noffline = true\n')
    assert weights_settings() == settings.WeightsSettings(
        (Path.home() / "stick",), "https://mirror.org/zoo", offline=True
    )
    path.write_text('[weights]\nfolder = "stick"\n')
    assert weights_settings().folders == (config_folder() / "stick",)
    path.unlink()
    assert weights_settings() == settings.WeightsSettings()


def test_the_environment_wins_over_the_file_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file('[weights]\nfolder = "/a"\nmirror = "https://a.org"\noffline = true\n')
    monkeypatch.setenv("ZOO_WEIGHTS", os.pathsep.join(["/b", "", "/c"]))
    monkeypatch.setenv("ZOO_MIRROR", "https://b.org")
    monkeypatch.setenv("ZOO_OFFLINE", "no")
    assert weights_settings() == settings.WeightsSettings((Path("/b"), Path("/c")), "https://b.org")
    monkeypatch.setenv("ZOO_WEIGHTS", "")
    monkeypatch.setenv("ZOO_MIRROR", "")
    assert weights_settings() == settings.WeightsSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[weights", r"settings\.toml cannot be read .*; correct or delete that file"),
        ("[wieghts]", r"sets 'wieghts', which is not a setting; did you mean 'weights'\?"),
        ("weights = 1", "sets 'weights' to 1; set it to a table"),
        (
            "[weights]\nmiror = 'https://a.org'",
            r"'weights\.miror', which is not a setting; did you mean 'mirror'\?",
        ),
        ("[weights]\nzzz = 1", r"the settings are weights\.folder, weights\.mirror, weights\.offline"),
        ("[weights]\noffline = 'yes'", r"sets 'weights\.offline' to 'yes'; set it to true or false"),
        ("[weights]\nfolder = 1", r"sets 'weights\.folder' to 1; set it to a string"),
        ("[weights]\nmirror = 'mirror.org'", r"mirror in .*settings\.toml does not begin with https://"),
    ],
)
def test_a_mistake_in_the_settings_is_named(text: str, message: str) -> None:
    settings_file(text)
    with pytest.raises(ArgumentError, match=message):
        weights_settings()


@pytest.mark.parametrize(("variable", "value"), [("ZOO_OFFLINE", "maybe"), ("ZOO_MIRROR", "mirror.org")])
def test_a_mistake_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ArgumentError, match=variable):
        weights_settings()


# -- several processes


def start(url: str, digest: str = "", stderr: Any = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, url, digest]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr or subprocess.DEVNULL, text=True)


def test_two_processes_that_ask_at_once_download_once(server: Server, url: str, tmp_path: Path) -> None:
    both_there = threading.Event()
    server.script.append(hold(both_there))
    said = tmp_path / "stderr"
    with said.open("w") as stderr:
        processes = [start(url, stderr=stderr), start(url, stderr=stderr)]
        until = time.monotonic() + 30
        while "waiting for another process that is downloading" not in said.read_text() and time.monotonic() < until:
            time.sleep(0.01)
        both_there.set()
        paths = [Path(process.communicate(timeout=60)[0].strip()) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert said.read_text() == f"waiting for another process that is downloading {url}\n"
    assert len(server.requests) == 1
    assert paths == in_store() * 2
    assert paths[0].read_bytes() == WEIGHTS


@pytest.mark.slow
def test_fifty_downloads_killed_at_random_moments_leave_nothing_wrong_behind(server: Server, url: str) -> None:
    content = weights_file(seed=4, count=100_000)
    server.files["/a.safetensors"] = content
    digest = hashlib.sha256(content).hexdigest()
    chance = random.Random(0)
    for _ in range(50):
        server.pause = chance.choice([0.0, 0.001, 0.002])
        process = start(url, chance.choice([digest, digest, digest, ""]))
        already = len(server.requests)
        # Half of them are killed at any moment of their life, the others when the download is under way.
        if chance.random() < 0.5:
            while len(server.requests) == already and process.poll() is None:
                time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert [path.read_bytes() for path in in_store()] in ([], [content])
        if in_store() and chance.random() < 0.7:
            for path in (*in_store(), *weights_folder().glob("pins/*.json")):
                path.unlink()
    server.pause = 0.0
    assert get(url, sha256=digest) == content
    assert any(request.first_byte > 0 for request in server.requests)


def test_fetching_imports_nothing_heavy() -> None:
    code = "import sys, zoo.weights.store; print({'keras', 'numpy', 'requests', 'rich', 'h5py'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


# -- Hugging Face


def commit_of(revision: str = "") -> str:
    return hashlib.sha1(revision.encode(), usedforsecurity=False).hexdigest()


class Hub:
    """What a hub answers to huggingface_hub, for one repository."""

    def __init__(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("huggingface_hub")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        self.server = server
        self.has("owner/net", {"model.safetensors": WEIGHTS})

    def has(self, repo: str, files: dict[str, bytes], *, revision: str = "", large: bool = True) -> None:
        siblings: list[dict[str, Any]] = []
        for name, content in files.items():
            self.server.files[f"/{repo}/resolve/{commit_of(revision)}/{name}"] = content
            digest = {"lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 9}}
            siblings.append({"rfilename": name, "size": len(content), "blobId": "0" * 40, **(digest if large else {})})
        info = {
            "_id": "1",
            "id": repo,
            "modelId": repo,
            "sha": commit_of(revision),
            "private": False,
            "siblings": siblings,
        }
        path = f"/api/models/{repo}" + (f"/revision/{revision}" if revision else "")
        self.server.files[f"{path}?blobs=True"] = self.server.files[f"{path}?blobs=true"] = json.dumps(info).encode()


@pytest.fixture
def fake_hub(server: Server, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return Hub(server, monkeypatch)


def from_hub(url: str, **digests: str) -> Path:
    return fetch(url, file_name=url.rpartition("/")[2], **digests).path


@pytest.mark.parametrize("url", ["hf://owner/net", "hf://owner/net/model.safetensors"])
def test_the_weights_of_a_repository_are_fetched_once(fake_hub: Hub, server: Server, url: str) -> None:
    path = from_hub(url)
    assert path == weights_folder() / "files" / DIGEST / "model.safetensors"
    asked = len(server.requests)
    assert server.requests[-1].headers["Authorization"] == "Bearer hf_secret"
    assert server.requests[-1].path == f"/owner/net/resolve/{commit_of()}/model.safetensors"
    assert from_hub(url) == path
    assert len(server.requests) == asked


def test_a_revision_is_asked_for(fake_hub: Hub) -> None:
    fake_hub.has("owner/net", {"a.h5": WEIGHTS, "model.safetensors": OTHER}, revision="v1")
    assert from_hub("hf://owner/net@v1").read_bytes() == OTHER
    assert from_hub("hf://owner/net").read_bytes() == WEIGHTS


def test_the_digest_that_the_hub_tells_is_checked(fake_hub: Hub, server: Server) -> None:
    server.files[f"/owner/net/resolve/{commit_of()}/model.safetensors"] = OTHER
    with pytest.raises(WeightsFileError, match=f"{OTHER_DIGEST}, but {DIGEST} is expected"):
        from_hub("hf://owner/net")


@pytest.mark.parametrize("large", [True, False])
def test_a_repository_that_moved_on_is_refused_while_its_older_file_is_pinned(fake_hub: Hub, large: bool) -> None:
    from_hub("hf://owner/net")
    in_store()[0].unlink()
    fake_hub.has("owner/net", {"model.safetensors": OTHER}, large=large)
    with pytest.raises(WeightsFileError, match=f"{OTHER_DIGEST}, but {DIGEST} was pinned on"):
        from_hub("hf://owner/net")


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["model.safetensors", "other.safetensors", "tf_model.h5"], "model.safetensors"),
        (["README.md", "sub/net.safetensors", "pytorch_model.bin"], "sub/net.safetensors"),
        (["net.weights.h5", "config.json"], "net.weights.h5"),
        (["net.keras"], "net.keras"),
    ],
)
def test_the_one_file_of_weights_of_a_repository_is_chosen(files: list[str], chosen: str) -> None:
    assert hub.choose(hub.HubName("owner/net", None, None), files) == chosen


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["b.h5", "a.h5"], r"has 2 weights files: a\.h5, b\.h5; name one of them, for example hf://owner/net@v1/a\.h5"),
        (["pytorch_model.bin"], r"has no \.safetensors, \.h5 or \.keras file, only pytorch_model\.bin"),
        ([], "only nothing"),
    ],
)
def test_a_repository_where_the_choice_is_open_is_an_error_that_lists_it(files: list[str], message: str) -> None:
    with pytest.raises(WeightsFileError, match=message):
        hub.choose(hub.HubName("owner/net", "v1", None), files)


@pytest.mark.parametrize("url", ["hf://", "hf://net", "hf://owner/net@", "hf://owner/net/../../x", "hf://o/n@a@b"])
def test_what_is_no_name_of_the_hub_is_refused(url: str) -> None:
    with pytest.raises(WeightsFileError, match=r"write hf://owner/repo\[@revision\]\[/file\]"):
        from_hub(url)


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("RepoNotFound", 404, r"there is no http://.*/owner/gone, or it is private"),
        ("RepoNotFound", 401, "set HF_TOKEN"),
        ("RevisionNotFound", 404, "has no revision 'v9'"),
        ("GatedRepo", 403, "is only open to people who were given access"),
        ("", 418, "cannot be reached"),
    ],
)
def test_what_the_hub_refuses_is_an_error_that_says_why(
    fake_hub: Hub, server: Server, code: str, status: int, message: str
) -> None:
    server.script.append(answer_json({"error": "no"}, status, {"X-Error-Code": code}))
    with pytest.raises(WeightsFileError, match=message):
        from_hub("hf://owner/gone@v9")


def test_a_file_that_a_repository_lacks_is_an_error_that_lists_what_it_has(fake_hub: Hub) -> None:
    with pytest.raises(WeightsFileError, match=r"has no file 'a\.h5' at its main revision; it has model\.safetensors"):
        from_hub("hf://owner/net/a.h5")


def test_a_gated_file_is_an_error_that_says_how_to_get_in(fake_hub: Hub, server: Server) -> None:
    server.script.extend([serve(), answer(403)])
    with pytest.raises(WeightsFileError, match="ask for access on its page, and set HF_TOKEN"):
        from_hub("hf://owner/net")


def test_without_the_package_for_the_hub_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsFileError, match=r'pip install "zoo-core\[hf\]"'):
        from_hub("hf://owner/net")


@pytest.mark.parametrize("url", ["hf://owner/net@v1", "hf://owner/net@v1/model.safetensors"])
def test_a_file_of_the_hub_by_hand_lies_under_its_repository_and_revision(
    stick: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    (stick / "model.safetensors").write_bytes(OTHER)
    with pytest.raises(WeightsFileError, match=r"copy it to .*/owner/net@v1/model\.safetensors$"):
        from_hub(url)
    (stick / "owner" / "net@v1").mkdir(parents=True)
    (stick / "owner" / "net@v1" / "model.safetensors").write_bytes(WEIGHTS)
    assert from_hub(url).read_bytes() == WEIGHTS


@pytest.mark.parametrize("url", ["hf://owner/net", "hf://owner/net/model.safetensors"])
def test_a_mirror_can_hold_files_of_the_hub(
    fake_hub: Hub, server: Server, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    server.files["/mirror/owner/net/model.safetensors"] = WEIGHTS
    monkeypatch.setenv("ZOO_MIRROR", f"{server.url}/mirror")
    assert from_hub(url).read_bytes() == WEIGHTS
    assert server.requests[-1].path == "/mirror/owner/net/model.safetensors"
    assert "Authorization" not in server.requests[-1].headers
