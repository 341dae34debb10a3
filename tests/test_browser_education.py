"""The education app in a real browser: headless Chromium, the system's; skipped where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import at_rest, chromium, give, needs_chromium, served, visit
from education_samples import prepare
from prepared import prepared

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prepared(prepare, tmp_path_factory) as environment, served("apps/education", environment) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with visit(browser, address) as found:
        found.get_by_role("button", name="· The p-value").wait_for()
        yield found


def second(page: Any) -> float:
    return float(page.evaluate("document.querySelector('video').currentTime"))


def at_second(page: Any, start: float, end: float) -> None:
    """Wait until the player stands between two seconds."""
    page.wait_for_function(
        f"(v => v && v.currentTime >= {start} && v.currentTime < {end})(document.querySelector('video'))"
    )


def go(page: Any, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, exact=True).first.wait_for()


def test_the_lecture_plays_beside_its_slides_without_scrolling_sideways(page: Any) -> None:
    page.wait_for_function("document.querySelector('video').readyState >= 2")
    assert page.evaluate("document.querySelector('video').videoWidth") == 960
    page.evaluate("document.querySelector('video').play()")
    at_second(page, 0.5, 50)
    before = second(page)
    at_second(page, before + 0.5, 55)
    width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= 1366
    assert page.get_by_text("Nothing is inferred from faces or voices").is_visible()


def test_a_jump_lands_where_the_slide_begins_and_plays_on(page: Any) -> None:
    page.get_by_role("button", name="· The p-value").click()
    at_second(page, 15.9, 34)
    page.wait_for_function("!document.querySelector('video').paused")
    page.get_by_role("button", name="· The null hypothesis").click()
    at_second(page, 4.4, 15.9)
    page.evaluate("document.querySelector('video').currentTime = 50")
    page.get_by_role("button", name="· The null hypothesis").click()  # the same place once more
    at_second(page, 4.4, 15.9)


def test_advice_jumps_from_the_class_to_the_second(page: Any) -> None:
    go(page, "Class")
    page.get_by_text("re-watched by").first.wait_for()
    button = page.get_by_test_id("stMain").get_by_role("button").filter(has_text=":").first
    minutes, seconds = button.inner_text().split()[-1].split(":")
    wanted = 60 * int(minutes) + int(seconds)
    button.click()
    page.get_by_role("heading", name="Lecture", exact=True).wait_for()
    at_second(page, wanted - 0.1, wanted + 15)


def test_search_finds_what_is_said_and_jumps(page: Any) -> None:
    at_rest(page).get_by_placeholder("Search all lectures").fill("false alarm")
    page.keyboard.press("Enter")
    hit = page.get_by_role("button", name="· Base rates").first
    page.get_by_text("said 0.").first.wait_for()
    hit.click()
    at_second(page, 34, 55)


def test_an_override_is_stored_and_found_again(page: Any, address: str) -> None:
    go(page, "Grading")
    page.get_by_text("Your mark").wait_for()
    proposed = page.get_by_text("Proposed:").locator("strong").inner_text().split(" · ")[0]
    mark = "partly" if proposed != "partly" else "correct"
    page.get_by_test_id("stButtonGroup").get_by_role("radio", name=mark, exact=True).click()
    page.get_by_role("button", name="Store mark").click()
    page.get_by_text(f"Stored: {mark}").wait_for()
    page.goto(f"{address}/grading")  # another session
    decided = page.get_by_test_id("stMetric").filter(has_text="Decided")
    decided.wait_for()
    assert decided.inner_text().split()[-1] == "1"


def test_a_malformed_upload_is_refused_in_words(page: Any, tmp_path: Path) -> None:
    go(page, "Import")
    (tmp_path / "talk.mp4").write_text("this is no video", encoding="utf-8")
    give(page, [tmp_path / "talk.mp4"], page.locator("input[type=file]").first)
    page.get_by_text("talk.mp4").first.wait_for()
    page.get_by_role("button", name="Index the lecture").click()
    alert = page.get_by_test_id("stAlert").first
    alert.wait_for()
    assert "talk.mp4" in alert.inner_text()
    assert "went wrong" not in alert.inner_text()


def test_statements_without_actor_are_set_aside_with_the_reason(page: Any, tmp_path: Path) -> None:
    statement = {
        "actor": {"account": {"homePage": "https://x.invalid", "name": "s1"}}, "timestamp": "2024-01-01T10:00:00Z",
        "verb": {"id": "https://w3id.org/xapi/video/verbs/played"}, "object": {"id": "https://x.invalid/lecture-3"},
    }  # fmt: skip
    lines = [statement, {k: v for k, v in statement.items() if k != "actor"}]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    go(page, "Import")
    page.get_by_role("tab", name="Records").click()
    give(page, [tmp_path / "log.jsonl"], page.locator("input[type=file]").last)
    page.get_by_text("log.jsonl").first.wait_for()
    page.get_by_role("button", name="Import", exact=True).last.click()
    page.get_by_text("1 line set aside").wait_for()


@pytest.mark.parametrize(
    ("name", "shown"), [("Learner", "Watch again, then try"), ("At risk", "Right calls"), ("Model", "Macro F1")]
)
def test_other_pages_load(page: Any, name: str, shown: str) -> None:
    go(page, name)
    page.get_by_text(shown).first.wait_for()
    assert page.get_by_text("Proposals for a teacher, who decides").is_visible()
