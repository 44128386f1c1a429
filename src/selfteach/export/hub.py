"""A push to the Hugging Face hub: the model in one repository, its examples in another.

The token comes from the environment (HF_TOKEN) alone. Repositories are private unless asked
otherwise, because examples may hold a person's own words.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from selfteach.errors import EndpointError, UsageError, get_first_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoUrl

TOKEN_VARIABLE = "HF_TOKEN"
ADDRESS_VARIABLE = "HF_ENDPOINT"
DATASET_ENDING = "-examples"


def check_repository(name: str) -> None:
    """Check the name of a repository, and that there is a token.

    Raises:
        UsageError: it is not OWNER/NAME, or there is no token.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        if name.count("/") != 1:
            raise HFValidationError
        validate_repo_id(f"{name}{DATASET_ENDING}")
    except HFValidationError as fault:
        raise UsageError(
            f"{name!r} is no name of a repository.", where="--to", cure="Write hub:OWNER/NAME."
        ) from fault
    if not os.environ.get(TOKEN_VARIABLE):
        raise UsageError(
            f"needs a token in the environment variable {TOKEN_VARIABLE}.",
            where="--to hub",
            cure="Make one with the right to write, and export it.",
        )


def push_folder(folder: Path, name: str, examples: Path, *, public: bool) -> list[str]:
    """Upload a folder as a model, and the examples as a dataset; return the addresses.

    Each upload is one commit, so that nobody sees half of it. `HTTPError` is that of httpx or, in
    later versions of huggingface_hub, of httpx2.

    Raises:
        UsageError: a repository is there already and public, and should not be.
        EndpointError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled  # type: ignore[attr-defined]
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    api = HfApi(endpoint=os.environ.get(ADDRESS_VARIABLE) or None, token=os.environ[TOKEN_VARIABLE])
    addresses = []
    try:
        if examples.exists():
            data = _open_repository(api, f"{name}{DATASET_ENDING}", "dataset", public=public)
        repository = _open_repository(api, name, "model", public=public)
        if examples.exists():
            api.upload_file(
                path_or_fileobj=examples,
                path_in_repo=examples.name,
                repo_id=data.repo_id,
                repo_type="dataset",
                commit_message="Examples of a selfteach run",
            )
            addresses.append(str(data))
        api.upload_folder(
            folder_path=folder,
            repo_id=repository.repo_id,
            commit_message="Adapter of a selfteach run",
        )
        addresses.append(str(repository))
    except (HTTPError, OfflineModeIsEnabled, OSError, ValueError) as fault:
        raise EndpointError(
            f"the hub refuses or cannot be reached ({get_first_line(fault)}).",
            where=f"hub:{name}",
            cure=f"Check the network, the name and the rights of {TOKEN_VARIABLE}.",
        ) from fault
    return addresses


def _open_repository(api: HfApi, name: str, kind: str, *, public: bool) -> RepoUrl:
    """Return a repository, which is made where there is none.

    Raises:
        UsageError: it is there already and public, and should not be.
    """
    found = api.create_repo(name, repo_type=kind, private=not public, exist_ok=True)
    if not public and not api.repo_info(found.repo_id, repo_type=kind).private:
        raise UsageError(
            f"the {kind} {name} is there already, and everybody can read it.",
            where="--to hub",
            cure="Give another name and --out; --public is for what everybody may read.",
        )
    return found
