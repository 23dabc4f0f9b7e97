"""The pictures that the server offers to click, as it is started with them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from limits import HANG
from served import served
from stored_bundle import STORED, make_folder

TOKEN = "a-token-of-some-length"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "new", images=1)


def test_they_are_listed_and_given_out_as_they_are(folder: Path) -> None:
    with served(STORED, "--samples", folder) as own, httpx.Client(base_url=own.url) as client:
        assert f"the page shows 3 pictures of {folder} to all its visitors" in own.said()
        listed = client.get("/v1/model", timeout=HANG).json()["samples"]
        assert [each["label"] for each in listed] == ["blue", "green", "red"]
        for number, each in enumerate(listed):
            answer = client.get(f"/v1/samples/{number}")
            assert answer.headers["content-type"] == "image/png"
            assert answer.content == (folder / each["label"] / each["name"]).read_bytes()
        for number in (3, -1):
            missing = client.get(f"/v1/samples/{number}")
            assert missing.status_code == 404
            assert "no such sample" in missing.json()["error"]
        assert client.get("/v1/samples/x").status_code == 422


def test_they_need_the_token_too(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with served(STORED, "--samples", folder, "--token-file", file) as own:
        asked = f"{own.url}/v1/samples/0"
        assert httpx.get(asked, timeout=HANG).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(asked, headers=headers, timeout=HANG).status_code == 200


def test_both_options_at_once_are_refused(folder: Path) -> None:
    with (
        pytest.raises(AssertionError, match="--samples and --no-samples exclude each other"),
        served(STORED, "--samples", folder, "--no-samples"),
    ):
        pass
