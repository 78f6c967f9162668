"""What is around each page: headers, errors that a person can read, and files that browsers keep."""

import re

import pytest

from balados_relay.app import Relay
from balados_relay.web.browsers import described
from balados_relay.web.session import is_local
from support.visitors import Visitor

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize("path", ["/", "/setup", "/users/log_in", "/users/register", "/no/such/page"])
async def test_no_page_loads_or_runs_anything_foreign(visitor: Visitor, path: str) -> None:
    answer = await visitor.look(path, headers=BROWSER)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    assert "style=" not in answer.text
    for address in re.findall(r'(?:src|href|action)="([^"]*)"', answer.text):
        assert is_local(address) or address == "#content"


@pytest.mark.parametrize("path", ["/setup", "/users/log_in", "/settings", "/apps"])
async def test_every_field_has_a_label_and_no_id_is_there_twice(ada: Visitor, path: str) -> None:
    if path not in ("/settings", "/apps"):
        ada.client.cookies.clear()
    page = (await ada.look(path)).text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    labels = set(re.findall(r'for="([^"]+)"', page))
    for field in re.findall(r"<input [^>]*>", page):
        if 'type="hidden"' not in field and 'type="checkbox"' not in field:
            found = re.search(r'id="([^"]+)"', field)
            assert found
            assert found.group(1) in labels


async def test_what_strangers_wrote_is_shown_as_text(owned: Relay, visitor: Visitor) -> None:
    await visitor.log_in("<script>alert(1)</script>", "wrong")
    assert "<script" not in visitor.page.text
    assert "&lt;script&gt;" in visitor.page.text


async def test_a_browser_that_strayed_is_told_in_plain_words(visitor: Visitor) -> None:
    answer = await visitor.look("/no/such/page", headers=BROWSER)
    assert answer.status_code == 404
    assert "There is nothing here" in visitor.text
    assert "/no/such/page" not in visitor.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/sync/api/v1/nothing", "/api/v1/sync"])
async def test_the_api_answers_with_problem_documents(visitor: Visitor, path: str) -> None:
    answer = await visitor.look(path, headers=BROWSER)
    assert answer.status_code in (404, 405)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_programs_are_not_told_in_html(visitor: Visitor) -> None:
    answer = await visitor.look("/nothing")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_a_mistake_of_ours_is_a_page_without_our_insides(
    owned: Relay, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(account: int) -> None:
        raise ZeroDivisionError("a secret of the insides")

    monkeypatch.setattr(owned.accounts, "seen", broken)
    answer = await ada.look("/dashboard")
    assert answer.status_code == 500
    assert "Something went wrong" in ada.text
    assert "secret" not in ada.text


async def test_the_style_is_kept_by_browsers_and_changes_its_address_with_its_content(visitor: Visitor) -> None:
    page = await visitor.look("/")
    found = re.search(r'href="(/static/style.css\?v=\w+)"', page.text)
    assert found
    answer = await visitor.client.get(found.group(1))
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "prefers-color-scheme: dark" in answer.text


@pytest.mark.parametrize("name", ["nothing.css", "..%2fstyle.css", "%2e%2e/layout.html", "__init__.py", "x%00"])
async def test_no_other_file_is_served(visitor: Visitor, name: str) -> None:
    assert (await visitor.look(f"/static/{name}")).status_code == 404


@pytest.mark.parametrize("path", ["/", "/a", "/a?b=c&d=https://x", "/authorize?token=a.b-c_d"])
def test_our_own_pages_are_local(path: str) -> None:
    assert is_local(path)


@pytest.mark.parametrize(
    "path", ["", "a", "//a", "/\\a", "\\\\a", "/a\\b", "https:a", "https://a", "/\t/a", "/a\n", "/ä", "/a b", "\x00/"]
)
def test_others_are_not(path: str) -> None:
    assert not is_local(path)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/125 Safari/537.36 Edg/125", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.0", "curl"),
        ("something", "something"),
        ("", "An unnamed browser"),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent: str, name: str) -> None:
    assert described(agent) == name
