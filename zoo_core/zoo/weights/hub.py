"""Repositories of Hugging Face: the file that ``hf://owner/repo[@revision][/file]`` means, and its address."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from zoo.errors import WeightsFileError, asked
from zoo.weights.downloads import TIMEOUTS, Address, MissingFileError

_FORM = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^/@]+))?(/(?P<file>.+))?")


@dataclass(frozen=True)
class HubName:
    """The parts of an ``hf://`` name; ``revision`` and ``file`` are None if the name does not give them."""

    repo: str
    revision: str | None
    file: str | None


@dataclass(frozen=True)
class HubFile:
    """One file of one commit: its name in the repository, its address, and its SHA-256 if the hub knows it."""

    file: str
    address: Address
    sha256: str | None


def parse(url: str) -> HubName:
    """Return the parts of ``hf://owner/repo[@revision][/file]``.

    Raises:
        WeightsFileError: if the name does not have that form.
    """
    match = _FORM.fullmatch(url)
    parts = re.split(r"[/\\]", match["repo"] + "/" + (match["file"] or "file")) if match else [""]
    if match is None or {"", ".", ".."} & set(parts):
        raise WeightsFileError(
            asked(), f"{url!r} is not the name of a file at Hugging Face", "write hf://owner/repo[@revision][/file]"
        )
    return HubName(match["repo"], match["revision"], match["file"])


def choose(name: HubName, files: Iterable[str]) -> str:
    """Return the weights file among the files of a repository: ``model.safetensors``, or the only weights file.

    Raises:
        WeightsFileError: if there is none, or there are several.
    """
    files = sorted(files)
    if "model.safetensors" in files:
        return "model.safetensors"
    candidates = [file for file in files if file.endswith((".safetensors", ".h5", ".keras"))]
    if len(candidates) == 1:
        return candidates[0]
    form = f"hf://{name.repo}{f'@{name.revision}' if name.revision else ''}"
    if candidates:
        found = f"{name.repo} has {len(candidates)} weights files: {', '.join(candidates)}"
        raise WeightsFileError(asked(), found, f"name one of them, for example {form}/{candidates[0]}")
    found = f"{name.repo} has no .safetensors, .h5 or .keras file, only {', '.join(files[:10]) or 'nothing'}"
    raise WeightsFileError(asked(), found, "pass another repository, or the full name of a file in another format")


def resolve(name: HubName) -> HubFile:
    """Ask the hub which file and commit ``name`` means now; ``HF_ENDPOINT`` and ``HF_TOKEN`` are respected.

    Raises:
        MissingFileError: if the repository has no such file.
        WeightsFileError: if there is no such repository or revision, if it is private, or if the hub cannot be reached.
    """
    try:
        import huggingface_hub
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    except ImportError as error:
        raise WeightsFileError(
            asked(), "the package huggingface_hub is not installed", 'install it: pip install "zoo-core[hf]"'
        ) from error
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    page = f"{endpoint or 'https://huggingface.co'}/{name.repo}"
    try:
        info = huggingface_hub.HfApi(endpoint=endpoint).model_info(
            name.repo, revision=name.revision, files_metadata=True, timeout=sum(TIMEOUTS)
        )
    except GatedRepoError as error:
        raise WeightsFileError(asked(), f"{page} is only open to people who were given access", _GET_ACCESS) from error
    except RevisionNotFoundError as error:
        found = f"{page} has no revision {name.revision!r}"
        raise WeightsFileError(asked(), found, "pass a branch, a tag or a commit of it") from error
    except RepositoryNotFoundError as error:
        found = f"there is no {page}, or it is private"
        raise WeightsFileError(asked(), found, "check its name; for a private repository set HF_TOKEN") from error
    except Exception as error:  # the errors of whatever HTTP library huggingface_hub uses
        found = f"{page} cannot be reached ({_first_line(error)})"
        raise WeightsFileError(asked(), found, "check the connection, or download the file by hand") from error
    files = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    file = name.file or choose(name, files)
    if file not in files:
        found = f"{page} has no file {file!r} at {name.revision or 'its main revision'}"
        raise MissingFileError(asked(), found, f"it has {', '.join(sorted(files)[:10])}")
    large = files[file].lfs
    token = huggingface_hub.get_token()
    url = huggingface_hub.hf_hub_url(name.repo, file, revision=info.sha, endpoint=endpoint)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return HubFile(file, Address(url, headers, advice_if_denied=_GET_ACCESS), large.sha256 if large else None)


_GET_ACCESS = "ask for access on its page, and set HF_TOKEN to your token"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]
