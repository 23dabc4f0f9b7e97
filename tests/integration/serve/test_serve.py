"""The server: what it answers, and what it bears (FAULTS W1 to W8, D20)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import io
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

import convladder as cl
from bundle_with_sets import write_with_sets
from convladder.core.errors import ExperimentError
from convladder.deploy.serve.access import LOCAL, Rules
from convladder.deploy.serve.app import create_app
from convladder.deploy.serve.corrections import Corrections
from convladder.deploy.serve.launch import read_origins, read_token
from convladder.deploy.serve.request_body import Limits
from convladder.deploy.serve.server import ARRIVAL_SECONDS
from convladder.deploy.serve.service import Settings, service_of
from convladder.results.bundle.occlusion import CELLS, occlusion_map
from limits import HANG
from served import Served, served
from stored_bundle import CLASSES, STORED, coloured

LIMIT = Limits().bytes


def picture(label: int = 2, kind: str = "PNG", seed: int = 0) -> bytes:
    content = io.BytesIO()
    Image.fromarray(coloured(np.random.default_rng(seed), label)).save(content, kind)
    return content.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(
        STORED, "--corrections", tmp_path_factory.mktemp("corrections") / "corrected"
    ) as running:
        yield running


@pytest.fixture
def client(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=HANG) as client:
        yield client


def test_a_picture_that_does_not_fit_the_training_images_is_answered_as_unsure_with_a_warning(
    client: httpx.Client,
) -> None:
    deep = io.BytesIO()
    Image.fromarray(np.full((12, 12), 65_535, np.uint16)).save(deep, "PNG")
    files = [("images", ("deep.png", deep.getvalue())), ("images", ("usual.png", picture()))]
    odd, usual = client.post("/v1/predict", files=files).json()["predictions"]
    assert odd["warning"].startswith("it has more than 8 bits, unlike all training images")
    assert odd["class"] in CLASSES
    assert odd["probability"] > 0.9  # far over the threshold
    assert odd["unsure"]
    assert "warning" not in usual
    assert "prediction_set" not in usual  # of a bundle of format 1


def test_one_image_is_predicted_as_the_bundle_does(client: httpx.Client) -> None:
    predictor = cl.Predictor.open(STORED)
    found = client.post("/v1/predict?top=3", content=picture()).json()["predictions"][0]
    expected = predictor.probabilities([predictor.decode(picture())])[0]
    assert found["class"] == "red"
    assert found["unsure"] is bool(expected.max() < (predictor.contents.selection.threshold or 2))
    by_name = {each["class"]: each["probability"] for each in found["top"]}
    np.testing.assert_allclose(
        [by_name[name] for name in predictor.class_names], expected, atol=1e-5
    )


def test_several_images_come_as_files_of_a_form(client: httpx.Client) -> None:
    files = [("images", (f"{place}.jpg", picture(place, "JPEG"))) for place in range(3)]
    found = client.post("/v1/predict", files=[*files, ("images", ("no.jpg", b"no image"))]).json()[
        "predictions"
    ]
    assert [each["name"] for each in found] == ["0.jpg", "1.jpg", "2.jpg", "no.jpg"]
    assert [each.get("class") for each in found] == ["blue", "green", "red", None]
    assert "unsupported" in found[3]["error"]


def in_base64(*contents: bytes) -> dict[str, Any]:
    """Return the body by which TensorFlow Serving is asked."""
    return {"instances": [{"b64": base64.b64encode(each).decode()} for each in contents]}


def test_images_in_base64_are_answered_as_the_files_are(client: httpx.Client) -> None:
    contents = [picture(0), picture(1, "JPEG"), b"no image", picture(2)]
    files = [("images", ("a file", each)) for each in contents]
    expected = client.post("/v1/predict?top=2", files=files).json()
    found = client.post("/v1/predict?top=2", json=in_base64(*contents)).json()
    # as TensorFlow Serving answers: one an instance, in their order
    assert list(found) == ["predictions"]
    assert [each.get("class") for each in found["predictions"]] == ["blue", "green", None, "red"]
    named = {"name": ""}
    assert [each | named for each in found["predictions"]] == [
        each | named for each in expected["predictions"]
    ]


def test_other_ways_to_write_base64_are_understood(client: httpx.Client) -> None:
    content = picture(2)
    plain = base64.b64encode(content).decode()
    ways = [
        # lines of 76 characters, as the command writes them
        {"b64": base64.encodebytes(content).decode()},
        {"b64": base64.urlsafe_b64encode(content).decode().rstrip("=")},
        {"image_bytes": {"b64": plain}, "key": "1"},
    ]
    text = json.dumps({"signature_name": "serving_default", "instances": ways})
    for kind in (
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "",
    ):
        answer = client.post("/v1/predict", content=text, headers={"Content-Type": kind})
        assert [each["class"] for each in answer.json()["predictions"]] == ["red"] * 3, kind
    packed = gzip.compress(text.replace("/", "\\/").encode())  # PHP escapes the slash
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.post("/v1/predict", content=packed, headers=headers).status_code == 200


@pytest.mark.parametrize("body", [
    "", "{", "[1]", "{}", "null", '{"instances": []}',
    '{"instances": 5}', '{"inputs": [{"b64": "AAAA"}]}',
    '{"instances": ["AAAA"]}', '{"instances": [{}]}', '{"instances": [{"b64": 5}]}',
    '{"instances": [{"b64": "*"}]}',
    '{"instances": [{"b64": "AAAAA"}]}',
    '{"instances": [{"b64": "caf\u00e9"}]}', '{"instances": [{"b64": ""}]}',
    '{"instances": [{"b64": "data:image/png;base64,AAAA"}]}', '{"instances": [[[0, 1], [2, 3]]]}',
    '{"instances": [{"b64": "' + "A" * 100, b'{"instances": "\xff\xfe"}', "1" * 10_000,
])  # fmt: skip
def test_json_that_holds_no_images_is_refused(client: httpx.Client, body: str | bytes) -> None:
    answer = client.post("/v1/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_which_instance_is_wrong_is_said(client: httpx.Client) -> None:
    told = in_base64(picture(), picture())
    told["instances"][1]["b64"] += "!"
    answer = client.post("/v1/predict", json=told)
    assert answer.status_code == 400
    assert "instance 1 is not in base64" in answer.json()["error"]


def test_json_is_held_to_the_same_limits(server: Served, client: httpx.Client) -> None:
    assert (
        len(client.post("/v1/predict", json=in_base64(*[picture()] * 64)).json()["predictions"])
        == 64
    )
    assert client.post("/v1/predict", json=in_base64(*[picture()] * 65)).status_code == 413
    before = psutil.Process(server.process.pid).memory_info().rss
    for bomb in ("{}", "[]", "0", '{"b64": ""}', "[" * 1000 + "]" * 1000):
        body = '{"instances": [' + ",".join([bomb] * ((LIMIT - 100) // (len(bomb) + 1))) + "]}"
        packed = gzip.compress(body.encode(), 1)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        assert client.post("/v1/predict", content=packed, headers=headers).status_code == 413, bomb
    assert psutil.Process(server.process.pid).memory_info().rss - before < 6 * LIMIT
    assert raw(
        server, head(f"Content-Length: {LIMIT + 1}", "Content-Type: application/json")
    ).startswith(b"HTTP/1.1 413")


def test_maps_and_corrections_take_base64_too(client: httpx.Client) -> None:
    assert client.post("/v1/heat", json=in_base64(picture(2))).json()["class"] == "red"
    assert client.post("/v1/corrections?class=red", json=in_base64(picture(2))).json()["count"] >= 1
    assert (
        client.post("/v1/corrections?class=red", json=in_base64(picture(), picture(1))).status_code
        == 400
    )


def test_what_is_no_image_is_said(client: httpx.Client) -> None:
    answer = client.post("/v1/predict", content=b"no image")
    assert answer.status_code == 422
    assert "unsupported" in answer.json()["error"]
    assert client.post("/v1/predict").status_code == 400
    assert client.post("/v1/predict?top=0", content=picture()).status_code == 422
    assert client.get("/v1/predict").status_code == 405
    assert client.get("/nowhere").status_code == 404


def curl(*words: object) -> Any:
    done = subprocess.run(
        ["curl", "-s", *map(str, words)], capture_output=True, timeout=HANG, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
def test_who_slips_with_curl_is_told_the_command(server: Served, tmp_path: Path, kind: str) -> None:
    path, place = tmp_path / "a file", f"{server.url}/v1/predict"
    path.write_bytes(picture(2, kind))
    assert curl("--data-binary", f"@{path}", place)["predictions"][0]["class"] == "red"
    for where in (place, f"{server.url}/v1/heat", f"{server.url}/v1/corrections?class=red"):
        assert curl("-d", f"@{path}", where)["error"].endswith(
            "send it with curl --data-binary @FILE"
        )
    assert "(curl --data-binary @FILE)" in curl("-d", "", place)["error"]
    assert (
        "curl"
        not in curl("--data-binary", "no image", "-H", "Content-Type: image/png", place)["error"]
    )


@pytest.mark.parametrize(("method", "path"), [
    ("POST", "/predict"), ("POST", "/v1"), ("POST", "/"),
    ("PUT", "/v1/predict"), ("GET", "/v1/predict"),
])  # fmt: skip
def test_who_asks_elsewhere_is_told_where(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, content=bytes(5_000_000) if method != "GET" else None)
    assert answer.status_code in (404, 405)
    assert "POST /v1/predict, such as curl --data-binary @FILE" in answer.json()["error"]


def test_the_model_its_health_and_its_measures(client: httpx.Client) -> None:
    model = client.get("/v1/model").json()
    assert model["class_names"] == ["blue", "green", "red"]
    assert model["figures"]["accuracy"]["low"] < 1
    assert model["card"].startswith("# Model card")
    assert model["selection"]["basis"] == "as-seen"  # of a bundle of format 1
    assert "as seen on validation, without a guarantee" in model["unsure"]
    assert model["sets"] is model["prediction_sets"] is None
    assert model["name"] == "format-1"
    assert model["card_html"].startswith("<h2>Model card")
    assert model["samples"] == []
    assert client.get("/healthz").text == "alive\n"
    assert client.get("/readyz").status_code == 200
    client.post("/v1/predict", content=picture())
    measures = client.get("/metrics").text
    assert 'convladder_images_total{outcome="predicted"}' in measures
    assert "convladder_request_seconds_bucket" in measures
    paths = client.get("/openapi.json").json()["paths"]
    taken = paths["/v1/predict"]["post"]["requestBody"]["content"]
    assert set(taken) == {"image/*", "multipart/form-data", "application/json"}
    assert {
        "/v1/predict",
        "/v1/heat",
        "/v1/corrections",
        "/v1/samples/{number}",
        "/v1/model",
        "/healthz",
        "/readyz",
        "/metrics",
    } == set(paths)


def test_where_the_evidence_lies(client: httpx.Client) -> None:
    pixels = np.full((12, 12, 3), 128, np.uint8)
    pixels[6:, 6:] = (255, 0, 0)
    predictor = cl.Predictor.open(STORED)
    heat = occlusion_map(predictor, pixels, predictor.class_names.index("red"))
    assert heat.shape == (CELLS, CELLS)
    assert heat[CELLS // 2 :, CELLS // 2 :].mean() > 3 * heat[: CELLS // 2, : CELLS // 2].mean()
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    found = client.post("/v1/heat", content=content.getvalue()).json()
    assert found["class"] == "red"
    np.testing.assert_allclose(found["cells"], heat, atol=1e-3)


def test_corrections_become_a_class_folder(client: httpx.Client, tmp_path: Path) -> None:
    with served(STORED, "--corrections", tmp_path / "corrected") as own:
        first = httpx.post(f"{own.url}/v1/corrections?class=red", content=picture(0)).json()
        assert first["count"] == 1
        again = httpx.post(f"{own.url}/v1/corrections?class=green", content=picture(0)).json()
        assert again["count"] == 1  # what was put right anew is there once
        assert (
            httpx.post(f"{own.url}/v1/corrections?class=red", content=picture(1, "JPEG")).json()[
                "count"
            ]
            == 2
        )
        assert (
            httpx.post(f"{own.url}/v1/corrections?class=red", content=b"no image").status_code
            == 422
        )
    found = sorted(
        path.relative_to(tmp_path / "corrected").as_posix() for path in tmp_path.rglob("*.*")
    )
    assert [path.split("/")[0] for path in found] == ["green", "red"]
    assert (tmp_path / "corrected" / found[0]).read_bytes() == picture(0)


@pytest.mark.parametrize(
    "class_name", ["../outside", "/etc", "red\0", "http://127.0.0.1:1/", "", "rot"]
)
def test_w8_a_class_that_is_none_writes_nothing(client: httpx.Client, class_name: str) -> None:
    answer = client.post("/v1/corrections", params={"class": class_name}, content=picture())
    assert answer.status_code == 422


@pytest.mark.parametrize("path", [
    "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py",
    "/static//etc/passwd", "/static/%00",
    "//etc/passwd", "/static/http://127.0.0.1:1/", "/..%5c..%5cetc", "/static/index.html",
])  # fmt: skip
def test_w8_nothing_outside_is_read(server: Served, path: str) -> None:
    answer = raw(
        server, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 4")


def raw(server: Served, content: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        connection.sendall(content)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def head(*lines: str) -> bytes:
    return "\r\n".join(["POST /v1/predict HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def test_w1_a_body_over_the_limit_is_refused_as_soon_as_it_is_announced(server: Served) -> None:
    assert raw(server, head(f"Content-Length: {LIMIT + 1}")).startswith(b"HTTP/1.1 413")


def test_w1_a_body_that_is_not_announced_is_read_no_further_than_the_limit(server: Served) -> None:
    sent, piece = 0, b"10000\r\n" + bytes(65536) + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        with contextlib.suppress(OSError):  # it closes
            while sent < 4 * LIMIT:
                connection.sendall(piece)
                sent += 65536
    assert LIMIT <= sent < 2 * LIMIT


def test_w1_a_compressed_body_is_unpacked_no_further_than_the_limit(server: Served) -> None:
    bomb = gzip.compress(bytes(20 * LIMIT), 9)
    assert len(bomb) < 1e6
    before = psutil.Process(server.process.pid).memory_info().rss
    answer = raw(
        server,
        head("Content-Encoding: gzip", f"Content-Length: {len(bomb)}", "Connection: close") + bomb,
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert psutil.Process(server.process.pid).memory_info().rss - before < 4 * LIMIT


def test_w1_nothing_is_kept_of_what_lies_behind_a_compressed_body(server: Served) -> None:
    packed, more = gzip.compress(picture()), bytes(LIMIT)
    before = psutil.Process(server.process.pid).memory_info().rss
    length = len(packed) + 8 * len(more)
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(head("Content-Encoding: gzip", f"Content-Length: {length}") + packed)
            for _ in range(8):
                connection.sendall(more)
        with contextlib.suppress(OSError):
            assert connection.recv(100).startswith(b"HTTP/1.1 4")
    assert psutil.Process(server.process.pid).memory_info().rss - before < 2 * LIMIT


def test_w1_a_compressed_image_is_taken(client: httpx.Client) -> None:
    for coding, packed in (("gzip", gzip.compress(picture())), ("identity", picture())):
        assert (
            client.post(
                "/v1/predict", content=packed, headers={"Content-Encoding": coding}
            ).status_code
            == 200
        )
    assert (
        client.post(
            "/v1/predict", content=picture(), headers={"Content-Encoding": "br"}
        ).status_code
        == 415
    )
    broken = gzip.compress(picture())[:-9]
    assert (
        client.post("/v1/predict", content=broken, headers={"Content-Encoding": "gzip"}).status_code
        == 400
    )


@pytest.mark.parametrize("body", [
    b"", b"--x",
    b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--", b"nothing of a form",
    b"--x\r\n" + b"A: b\r\n" * 5000,
])  # fmt: skip
def test_w2_a_broken_form_is_refused(client: httpx.Client, body: bytes) -> None:
    for kind in (
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
    ):
        answer = client.post("/v1/predict", content=body, headers={"Content-Type": kind})
        assert 400 <= answer.status_code < 500


def test_w2_ten_thousand_parts_and_giant_headers_are_refused(
    server: Served, client: httpx.Client
) -> None:
    files = [("images", (f"{place}.png", b"x")) for place in range(10_000)]
    assert client.post("/v1/predict", files=files).status_code == 413
    answer = raw(server, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4")
    assert client.get("/healthz").status_code == 200


def test_w3_connections_that_hardly_move_are_closed_and_others_are_unharmed(server: Served) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(500)]
    begun, done = time.monotonic(), threading.Event()
    request = head("Content-Length: 1000")

    def trickle() -> None:
        for place in range(60):
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.send(request[place : place + 1])
            if done.wait(1):
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        assert (
            httpx.post(f"{server.url}/v1/predict", content=picture(), timeout=10).status_code == 200
        )
        for connection in slow:
            connection.settimeout(max(1, ARRIVAL_SECONDS + 30 - (time.monotonic() - begun)))
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        assert time.monotonic() - begun > ARRIVAL_SECONDS / 2
    finally:
        done.set()
        thread.join()
        for connection in slow:
            connection.close()


class Slow(cl.Predictor):
    """A bundle that takes its time."""

    calls = 0

    def probabilities(self, images: Any) -> Any:
        self.calls += 1
        time.sleep(0.05)
        return super().probabilities(images)


def in_process(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=HANG
    )


def test_w4_under_ten_times_its_load_some_are_told_to_come_back_and_none_is_lost() -> None:
    async def overload() -> list[httpx.Response]:
        app = create_app(Slow.open(STORED), Settings(queued=8, at_once=16))
        async with app.router.lifespan_context(app), in_process(app) as client:
            return list(
                await asyncio.gather(
                    *(client.post("/v1/predict", content=picture()) for _ in range(300))
                )
            )

    answers = asyncio.run(overload())
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 8
    assert all(
        answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503
    )


def test_requests_at_the_same_time_share_a_batch() -> None:
    async def ask() -> tuple[list[httpx.Response], str]:
        app = create_app(Slow.open(STORED))
        async with app.router.lifespan_context(app), in_process(app) as client:
            asked = (
                client.post("/v1/predict", content=picture(place % 3, seed=place))
                for place in range(40)
            )
            return list(await asyncio.gather(*asked)), (await client.get("/metrics")).text

    answers, measures = asyncio.run(ask())
    classes = [answer.json()["predictions"][0]["class"] for answer in answers]
    assert classes == [("blue", "green", "red")[place % 3] for place in range(40)]
    batches = next(line for line in measures.splitlines() if line.startswith("convladder_batches "))
    assert float(batches.split()[1]) < 40


def test_the_classes_that_an_image_may_be_of_are_answered(tmp_path: Path) -> None:
    async def ask() -> tuple[Any, Any]:
        app = create_app(cl.Predictor.open(write_with_sets(tmp_path / "my.convladder", 0.0, 0.9)))
        async with app.router.lifespan_context(app), in_process(app) as client:
            asked = await client.post("/v1/predict?top=1", content=picture())
            return asked.json()["predictions"][0], (await client.get("/v1/model")).json()

    found, model = asyncio.run(ask())
    assert found["prediction_set"]["coverage"] == 0.9
    assert found["prediction_set"]["classes"][0] == found["class"]
    assert sorted(found["prediction_set"]["classes"]) == sorted(CLASSES)
    assert len(found["top"]) == 1
    assert "among these in 90 of 100 images like the test images" in model["sets"]
    assert model["prediction_sets"]["validation"] == 60


class Wrong(Slow):
    """A bundle whose graph does not give every image its own."""

    def probabilities(self, images: Any) -> Any:
        return super().probabilities(images)[:1]


def test_a_batch_that_fails_does_not_end_the_server() -> None:
    async def ask() -> list[int]:
        app = create_app(Wrong.open(STORED))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://localhost", timeout=HANG
            ) as client,
        ):
            many = await asyncio.gather(
                *(client.post("/v1/predict", content=picture()) for _ in range(9))
            )
            alone = await client.post("/v1/predict", content=picture())
            return [*(answer.status_code for answer in many), alone.status_code]

    *many, alone = asyncio.run(ask())
    assert 500 in many
    assert alone == 200


def test_a_picture_is_kept_once_whoever_corrects_it_at_the_same_time(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda place: corrections.add(picture(), "PNG", CLASSES[place % 3]), range(60))
        )
    assert len(list(tmp_path.glob("*/*"))) == corrections.count == 1


def test_a_file_that_only_has_the_name_of_a_correction_stays_and_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    corrections = Corrections(tmp_path)
    kept = corrections.add(picture(), "PNG", CLASSES[0])
    other = tmp_path / "elsewhere" / kept.name
    other.parent.mkdir()
    other.write_bytes(b"of someone else")
    for _ in range(2):
        corrections.add(picture(), "PNG", CLASSES[0])
    assert other.read_bytes() == b"of someone else"
    assert corrections.count == 1


def test_json_with_wide_letters_is_refused_before_it_is_unfolded(client: httpx.Client) -> None:
    for wide in ("ā", "\\u0101"):
        body = '{"instances": [{"b64": "AAAA' + wide + '"}]}'
        answer = client.post(
            "/v1/predict", content=body.encode(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400
        assert "JSON with images must be ASCII" in answer.json()["error"]


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    async def ask() -> httpx.Response:
        app = create_app(Slow.open(STORED), Settings(seconds=0.01))
        async with app.router.lifespan_context(app), in_process(app) as client:
            return await client.post("/v1/predict", content=picture())

    answer = asyncio.run(ask())
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def is_ready(server: Served) -> bool:
    """Whether a server says so; one that takes no connections any more is not."""
    try:
        return httpx.get(f"{server.url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def test_w5_a_request_in_flight_is_answered_when_the_end_is_asked_for() -> None:
    body = picture()
    with (
        served(STORED) as own,
        socket.create_connection(("127.0.0.1", own.port), timeout=HANG) as connection,
    ):
        connection.sendall(head(f"Content-Length: {len(body)}") + body[:20])
        time.sleep(0.3)
        own.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + ARRIVAL_SECONDS / 2
        while is_ready(own) and time.monotonic() < until:
            time.sleep(0.05)
        assert not is_ready(own)
        connection.sendall(body[20:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert own.process.wait(HANG) == 0


def test_who_ends_it_twice_is_told_what_is_waited_for_and_sees_no_traceback() -> None:
    with (
        served(STORED) as own,
        socket.create_connection(("127.0.0.1", own.port), timeout=HANG) as connection,
    ):
        connection.sendall(head("Content-Length: 1000") + b"a beginning")
        while "convladder_requests_arriving 1" not in httpx.get(f"{own.url}/metrics").text:
            time.sleep(0.05)
        own.process.send_signal(signal.SIGINT)
        wait_until(lambda: "1 request will be answered first" in own.said())
        own.process.send_signal(signal.SIGINT)
        own.process.wait(HANG)
        assert "Traceback" not in own.said()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_w6_it_is_ready_after_a_first_prediction_and_not_before() -> None:
    async def ask() -> None:
        predictor = Slow.open(STORED)
        app = create_app(predictor)
        async with in_process(app) as client:
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.post("/v1/predict", content=picture())).status_code == 503
            async with app.router.lifespan_context(app):
                assert predictor.calls == 1
                assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 503

    asyncio.run(ask())


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"Host": ""}, {"Host": "127.0.0.1.evil.example"}, {"Origin": "null"},
    {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://evil.example", "Content-Type": "application/x-www-form-urlencoded"},
])  # fmt: skip
def test_w7_a_page_of_another_site_may_not_ask(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    assert client.post("/v1/predict", content=picture(), headers=headers).status_code == 403


def test_w7_its_own_page_may_ask(server: Served, client: httpx.Client) -> None:
    for host in ("127.0.0.1", "localhost"):
        headers = {"Host": f"{host}:{server.port}", "Origin": f"http://{host}:{server.port}"}
        assert client.post("/v1/predict", content=picture(), headers=headers).status_code == 200
    page = client.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


PAGE = "https://app.example.org"


def test_pages_of_an_allowed_origin_may_ask_and_of_no_other() -> None:
    first = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    token = "a-token-of-some-length"
    rules = Rules(token=token, origins=(PAGE,))

    async def ask() -> None:
        app = create_app(cl.Predictor.open(STORED), Settings(rules=rules))
        async with app.router.lifespan_context(app), in_process(app) as client:

            async def post(origin: str, **headers: str) -> httpx.Response:
                sent = {
                    "Origin": origin,
                    "Sec-Fetch-Site": "cross-site",
                    "Authorization": f"Bearer {token}",
                }
                return await client.post("/v1/predict", content=picture(), headers=sent | headers)

            asked = await client.options("/v1/predict", headers={"Origin": PAGE} | first)
            assert asked.status_code == 204
            assert asked.headers["access-control-allow-origin"] == PAGE
            assert "POST" in asked.headers["access-control-allow-methods"]
            assert "Authorization" in asked.headers["access-control-allow-headers"]
            found = await post(PAGE)
            assert found.status_code == 200
            assert found.headers["access-control-allow-origin"] == PAGE
            assert "access-control-allow-credentials" not in found.headers
            refused = await post(PAGE, Authorization="")
            assert refused.status_code == 401
            # so that the page can say why
            assert refused.headers["access-control-allow-origin"] == PAGE
            assert (await post(PAGE, Host="evil.example")).status_code == 403
            for other in (
                "https://evil.example",
                "http://app.example.org",
                f"{PAGE}:8443",
                f"{PAGE}.evil",
                "null",
            ):
                found = await post(other)
                assert found.status_code == 403
                assert "access-control-allow-origin" not in found.headers
                asked = await client.options("/v1/predict", headers={"Origin": other} | first)
                assert asked.status_code == 403
            plain = await client.get("/v1/model", headers={"Authorization": f"Bearer {token}"})
            assert plain.headers["vary"] == "Origin"

    asyncio.run(ask())


def test_a_page_of_another_site_gets_no_leave_unless_it_is_asked_for(client: httpx.Client) -> None:
    first = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    assert client.options("/v1/predict", headers=first).status_code == 403
    assert not [
        name for name in client.get("/v1/model").headers if name.startswith("access-control")
    ]


def test_a_star_lets_pages_of_any_site_ask_and_is_said() -> None:
    with served(STORED, "--allow-origin", "*", "--allow-origin", "http://localhost:3000/") as own:
        for origin in (PAGE, "null", "http://localhost:3000"):
            headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            found = httpx.post(f"{own.url}/v1/predict", content=picture(), headers=headers)
            assert found.status_code == 200
            assert found.headers["access-control-allow-origin"] == "*"
        elsewhere = {"Host": "evil.example", "Origin": PAGE}
        assert httpx.get(f"{own.url}/v1/model", headers=elsewhere).status_code == 403
        wait_until(lambda: "pages of any site may send requests" in own.said())
        assert "any page open in a browser here may send requests" in own.said()


@pytest.mark.parametrize("wrong", ["example.org", "https://a.org/page", "null", "https://", "https://bücher.de",
                                   "https://me@a.org", "https://a.org:99999", "", "https://*.a.org",
                                   "ftp://a.org"])  # fmt: skip
def test_what_is_no_origin_is_said(wrong: str) -> None:
    with pytest.raises(ExperimentError, match=r"such as https://app\.example\.org"):
        read_origins((wrong,))


def test_w7_for_others_it_is_asked_by_address_and_by_the_names_that_are_given() -> None:
    async def ask(rules: Rules, host: str) -> int:
        app = create_app(cl.Predictor.open(STORED), Settings(rules=rules))
        async with app.router.lifespan_context(app), in_process(app) as client:
            return (await client.get("/v1/model", headers={"Host": host})).status_code

    everywhere = Rules((*LOCAL, "cats.local"), addresses=True)
    asked = (
        "192.0.2.2:8000",
        "[2001:db8::1]:8000",
        "cats.local",
        "evil.example",
        "192.0.2.2.evil.example",
    )
    assert [asyncio.run(ask(everywhere, host)) for host in asked] == [200, 200, 200, 403, 403]
    assert asyncio.run(ask(Rules(), "192.0.2.2")) == 403


def test_where_it_can_be_asked_is_said() -> None:
    with served(STORED, "--host", "0.0.0.0") as own:
        assert httpx.get(f"{own.url}/v1/model", headers={"Host": "192.0.2.2"}).status_code == 200
        own.process.send_signal(signal.SIGTERM)
        assert own.process.wait(HANG) == 0
    assert "anyone who can reach 0.0.0.0 may send requests" in own.said()
    assert "use this machine's address" in own.said()


def test_probes_may_ask_for_the_head_alone(client: httpx.Client) -> None:
    assert [client.head(path).status_code for path in ("/", "/healthz", "/readyz")] == [200] * 3


def test_who_sends_slowly_takes_no_place_from_others() -> None:
    async def ask() -> int:
        app = create_app(cl.Predictor.open(STORED), Settings(at_once=1))
        moving = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield picture()[:20]
            await moving.wait()
            yield picture()[20:]

        async with app.router.lifespan_context(app), in_process(app) as client:
            slow = [
                asyncio.create_task(client.post("/v1/predict", content=slowly())) for _ in range(9)
            ]
            while service_of(app).arriving < len(slow):
                await asyncio.sleep(0.01)
            status = (await client.post("/v1/predict", content=picture())).status_code
            moving.set()
            assert 200 in [(await each).status_code for each in slow]
            return status

    assert asyncio.run(ask()) == 200


def test_a_small_image_does_not_wait_behind_large_ones() -> None:
    async def ask() -> int:
        app = create_app(cl.Predictor.open(STORED))
        held = threading.Event()
        async with app.router.lifespan_context(app), in_process(app) as client:
            service_of(app).large.submit(held.wait)
            large = io.BytesIO()
            Image.new("L", (2100, 2100)).save(large, "PNG")
            late = [
                asyncio.create_task(client.post("/v1/predict", content=large.getvalue()))
                for _ in range(9)
            ]
            status = (await client.post("/v1/predict", content=picture())).status_code
            assert not any(each.done() for each in late)
            held.set()
            assert {(await each).status_code for each in late} == {200}
            return status

    assert asyncio.run(ask()) == 200


def test_a_token_is_asked_for_where_one_is_set(tmp_path: Path) -> None:
    token = "a-token-of-some-length"

    async def ask(headers: dict[str, str], path: str = "/v1/model") -> int:
        app = create_app(cl.Predictor.open(STORED), Settings(rules=Rules(token=token)))
        async with app.router.lifespan_context(app), in_process(app) as client:
            return (await client.get(path, headers=headers)).status_code

    assert asyncio.run(ask({})) == 401
    assert asyncio.run(ask({"Authorization": "Bearer wrong"})) == 401
    assert asyncio.run(ask({"Authorization": f"Basic {token}"})) == 401
    assert asyncio.run(ask({"Authorization": f"Bearer {token}"})) == 200
    assert asyncio.run(ask({}, "/healthz")) == 200
    file = tmp_path / "token"
    file.write_text(token + "\n")
    assert read_token(file) == token
    for wrong in ("short", "with a space in the middle", ""):
        file.write_text(wrong)
        with pytest.raises(ExperimentError, match="holds no token"):
            read_token(file)
    with pytest.raises(ExperimentError, match="cannot read the token"):
        read_token(tmp_path / "missing")


def test_a_port_that_is_taken_is_said(server: Served) -> None:
    with (
        pytest.raises(AssertionError, match="cannot listen on"),
        served(STORED, "--port", server.port),
    ):
        pass


def test_a_place_for_corrections_that_is_a_file_is_said() -> None:
    with (
        pytest.raises(AssertionError, match="another place with --corrections"),
        served(STORED, "--corrections", STORED),
    ):
        pass
