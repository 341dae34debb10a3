"""The customer-service app in a real browser: headless Chromium, the system's; skipped where there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import ROOT, at_rest, chromium, give, listening, needs_chromium, served, visit
from prepared import prepared
from service_samples import SAMPLES, prepare

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(prepare, tmp_path_factory) as environment:
        yield environment


@pytest.fixture(scope="module")
def address(home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with served(ROOT / "apps/customer_service", home, cwd=elsewhere) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with visit(browser, address) as found:
        found.get_by_role("button", name="Approve").first.wait_for()
        yield found


def upload(page: Any, file: Path) -> None:
    page.get_by_role("button", name="New").click()
    page.get_by_text("Waiting for the customer").wait_for()
    page.get_by_text("Upload", exact=True).first.click()
    give(page, [file], page.locator("input[type=file]"))


def entries(home: dict[str, str]) -> list[tuple[str, str, str]]:
    """(case, answer, decision) of the replies in the store, read as the file it is."""
    store = Path(home["POLYFUSE_HOME"]) / "customer_service" / "decisions.sqlite"
    if not store.exists():
        return []
    with sqlite3.connect(store) as connection:
        return connection.execute("SELECT given, answer, decision FROM entries WHERE kind = 'reply'").fetchall()


def test_what_how_sure_and_why_stand_above_the_fold(page: Any) -> None:
    heading = page.get_by_role("heading", name="Intent:")
    assert heading.bounding_box()["y"] < 300
    assert page.get_by_text("Why.").first.bounding_box()["y"] < 700
    assert page.get_by_role("button", name="Approve").nth(2).bounding_box()["y"] < 760
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 1366
    assert page.get_by_text("nothing is sent by itself").is_visible()


def test_an_uploaded_call_is_heard_and_its_approved_reply_is_in_the_store(page: Any, home: dict[str, str]) -> None:
    pytest.importorskip("faster_whisper")
    before = len(entries(home))
    upload(page, next(iter(sorted((SAMPLES / "audio").glob("*.ogg")))))
    page.get_by_text("heard by a recogniser").first.wait_for()
    page.get_by_role("heading", name="Intent:").wait_for()
    page.get_by_role("button", name="Approve").first.click()
    page.get_by_text("Nothing was sent").wait_for()
    shown = page.locator("[data-testid=stCode]").inner_text().strip()
    kept = entries(home)
    assert len(kept) == before + 1
    given, _, decision = kept[-1]
    assert '"decision": "approved"' in decision
    assert shown in decision
    assert '"recognised"' in given


def test_a_recording_is_played_with_what_is_private_silenced(page: Any) -> None:
    pytest.importorskip("faster_whisper")
    upload(page, next(iter(sorted((SAMPLES / "audio").glob("*.ogg")))))
    page.get_by_text("heard by a recogniser").first.wait_for()
    page.get_by_text("Listen", exact=True).click()
    player = page.locator("audio")
    player.wait_for(state="attached")
    page.wait_for_function("document.querySelector('audio').duration > 0.5")


def test_urgency_and_next_step_are_told(page: Any) -> None:
    page.get_by_text("Next step:").wait_for()
    page.get_by_text("urgency by its model").wait_for()


def test_a_text_named_wav_is_refused_in_words(page: Any, home: dict[str, str], tmp_path: Path) -> None:
    before = len(entries(home))
    (tmp_path / "call.wav").write_text("this is no sound", encoding="utf-8")
    upload(page, tmp_path / "call.wav")
    alert = page.get_by_test_id("stAlert").first
    alert.wait_for()
    assert "call.wav" in alert.inner_text().replace("\\", "")
    assert "/tmp" not in alert.inner_text()
    assert len(entries(home)) == before


def test_a_typed_turn_is_answered_by_the_keyboard_alone(page: Any) -> None:
    page.get_by_role("button", name="New").click()
    page.get_by_text("Waiting for the customer").wait_for()
    at_rest(page).locator("[data-testid=stChatInput] textarea").focus()
    page.keyboard.type("where is my parcel, my name is Carla Hughes")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Intent:").wait_for()
    page.get_by_text("[NAME_1]").first.wait_for()
    assert "Carla" not in page.content()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("supervisor", "Commonest intent"),
        ("knowledge", "Try a question"),
        ("routing", "Try a turn"),
        ("train", "4 · Train and compare"),
        ("model", "Measured on"),
    ],
)
def test_other_pages_load(browser: Any, address: str, path: str, shown: str) -> None:
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(120_000)
    page.goto(f"{address}/{path}")
    page.get_by_text(shown).first.wait_for()
    assert page.get_by_text("nothing is sent by itself").is_visible()
    assert "Traceback" not in page.content()
    page.close()


def test_only_this_machine_can_open_the_app_wherever_it_is_started(page: Any, address: str) -> None:
    assert listening(address) <= {"127.0.0.1", "::1"}
