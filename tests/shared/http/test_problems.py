"""Every failure is one problem document, says nothing of our insides, and can be traced."""

import re

import httpx
import pytest

from support.http_child import HttpChild, wait_until


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert body["type"] == "about:blank"
    assert body["status"] == answer.status_code
    assert body["error_code"] == body["error"]
    assert body["detail"] == body["message"]
    return answer.status_code, body["error"], body["message"]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("unauthorized", (401, "UNAUTHORIZED", "Unauthorized")),
        ("not-found", (404, "NOT_FOUND", "No such feed")),
        ("invalid", (400, "BAD_REQUEST", "not an ISO 8601 time")),
        ("refused", (422, "VALIDATION_ERROR", "The default collection cannot be deleted")),
        (
            "disk-full",
            (
                507,
                "STORAGE_ERROR",
                "The disk is full. Nothing of this change was written. Free some space and try again.",
            ),
        ),
        ("busy", (503, "STORAGE_ERROR", "Another program is writing to the database. Close it and try again.")),
    ],
)
def test_our_errors_become_problems(client: httpx.Client, how: str, expected: tuple[int, str, str]) -> None:
    assert problem(client.get(f"/fail/{how}")) == expected


def test_a_problem_keeps_its_headers_and_members(client: httpx.Client) -> None:
    assert client.get("/fail/unavailable").headers["retry-after"] == "30"
    assert client.get("/fail/unauthorized").headers["www-authenticate"] == "Bearer"
    answer = client.get("/fail/conflict").json()
    assert (answer["revision"], answer["title"]) == (7, "Conflict")


def test_a_bug_shows_nothing_and_is_logged_without_its_secrets(client: httpx.Client, child: HttpChild) -> None:
    answer = client.get("/fail/bug", headers={"X-Request-Id": "traced-1"})
    assert problem(answer) == (500, "INTERNAL_ERROR", "Internal server error")
    assert answer.json()["errors"] == {"detail": "Internal Server Error"}
    wait_until(lambda: "could not fetch" in child.log)
    assert "[traced-1] A request failed unexpectedly" in child.log
    assert "RuntimeError: could not fetch https://example.org/…" in child.log
    assert "hunter2" not in child.log


def test_an_unknown_route_is_404_in_both_dialects(client: httpx.Client) -> None:
    answer = client.get("/nowhere")
    assert problem(answer) == (404, "NOT_FOUND", "Not Found")
    assert answer.json()["errors"] == {"detail": "Not Found"}


def test_a_wrong_method_is_405_and_tells_the_right_ones(client: httpx.Client) -> None:
    answer = client.delete("/number")
    assert problem(answer)[:2] == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"]


def test_malformed_json_is_400_in_both_dialects(client: httpx.Client) -> None:
    answer = client.post("/typed", content=b'{"title": ')
    assert problem(answer)[:2] == (400, "BAD_REQUEST")
    assert answer.json()["errors"] == {"detail": "Bad Request"}


def test_a_wrong_member_is_400_and_named(client: httpx.Client) -> None:
    answer = client.post("/typed", json={"title": "x", "position": "late"})
    assert problem(answer) == (400, "BAD_REQUEST", "position: Expected `float`, got `str`")


def test_a_missing_member_is_400_and_named(client: httpx.Client) -> None:
    status, code, message = problem(client.post("/typed", json={"title": "x"}))
    assert (status, code) == (400, "BAD_REQUEST")
    assert "position" in message


def test_a_bad_parameter_is_named_and_the_query_string_is_not_repeated(client: httpx.Client) -> None:
    wrong = problem(client.get("/number", params={"n": "hunter2", "token": "hunter3"}))
    assert wrong == (400, "BAD_REQUEST", "n: Expected `int`, got `str`")
    missing = problem(client.get("/number", params={"token": "hunter3"}))
    assert missing == (400, "BAD_REQUEST", "Missing required query parameter 'n'")


@pytest.mark.parametrize("path", ["/number?n=1", "/nowhere", "/fail/bug", "/empty"])
def test_every_answer_has_a_request_id(client: httpx.Client, path: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", client.get(path).headers["x-request-id"])


def test_a_sane_request_id_is_kept(client: httpx.Client) -> None:
    answer = client.get("/number?n=1", headers={"X-Request-Id": "device-7.42_a"})
    assert answer.headers.get_list("x-request-id") == ["device-7.42_a"]


@pytest.mark.parametrize("offered", ["", "a" * 65, "two words", "semi;colon", 'quo"te'])
def test_a_strange_request_id_is_replaced(client: httpx.Client, offered: str) -> None:
    answer = client.get("/number?n=1", headers={"X-Request-Id": offered})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
