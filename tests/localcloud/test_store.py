"""The store: all or nothing, kept through a kill, told to watchers after the fact."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.store import Document, Event, Store


def put(store: Store, **documents: Document) -> None:
    with store.transaction() as tx:
        for key, document in documents.items():
            tx.put(key, document)


def test_a_transaction_that_raises_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    put(store, a={"n": 1})

    def fail() -> None:
        with store.transaction() as tx:
            tx.put("a", {"n": 2})
            tx.put("b", {})
            tx.event(Event(0.0, "kind", "subject", "message"))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert dict(store.scan("")) == {"a": {"n": 1}}
    assert store.events() == []
    store.close()


def test_a_document_that_is_not_json_is_refused_whole() -> None:
    store = Store()
    put(store, a={"n": 1})
    with pytest.raises(TypeError):
        put(store, a={"n": 2}, b={"n": object()})
    assert dict(store.scan("")) == {"a": {"n": 1}}


@pytest.mark.parametrize("more", [{}, {"a": {"n": 2}}])
def test_what_the_database_refuses_is_nowhere(tmp_path: Path, more: dict[str, Document]) -> None:
    store = Store(tmp_path / "state.db")
    put(store, a={"n": 1})
    told: list[frozenset[str]] = []
    store.watch(lambda keys, _: told.append(keys))
    with pytest.raises(UnicodeEncodeError):
        put(store, **more, **{"b": {}, "half a pair: \ud800": {}, "c": {}})
    assert (dict(store.scan("")), told) == ({"a": {"n": 1}}, [])
    put(store, b={"n": 3}, c={"n": 4})
    kept = {"a": {"n": 1}, "b": {"n": 3}, "c": {"n": 4}}
    assert dict(store.scan("")) == kept
    store.close()
    again = Store(tmp_path / "state.db")
    assert dict(again.scan("")) == kept
    again.close()


def test_a_scan_sees_one_prefix_in_order_and_bears_changes_meanwhile() -> None:
    store = Store()
    put(store, **{"a/2": {}, "a/1": {}, "b/1": {}, "a": {}, "a/10": {}})
    assert [key for key, _ in store.scan("a/")] == ["a/1", "a/10", "a/2"]
    seen = []
    for key, _ in store.scan("a/"):
        seen.append(key)
        with store.transaction() as tx:
            tx.delete("a/10")
            tx.put("a/3", {})
    assert seen == ["a/1", "a/2"]


def test_watchers_are_told_what_changed_once_it_is_so() -> None:
    store = Store()
    told: list[tuple[frozenset[str], int, Document | None]] = []
    stop = store.watch(lambda keys, events: told.append((keys, len(events), store.get("a"))))
    with store.transaction() as tx:
        tx.put("a", {"n": 1})
        tx.delete("none")
        tx.event(Event(1.0, "kind", "a", "message"))
    assert told == [(frozenset({"a", "none"}), 1, {"n": 1})]
    with store.transaction():
        pass
    stop()
    put(store, a={"n": 2})
    assert len(told) == 1


def test_a_watcher_may_write() -> None:
    store = Store()

    def answer(keys: frozenset[str], _events: tuple[Event, ...]) -> None:
        if "question" in keys:
            put(store, answer={"n": 42})

    store.watch(answer)
    put(store, question={})
    assert store.get("answer") == {"n": 42}


def test_events_are_told_in_order_from_any_point(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    for number in range(5):
        with store.transaction() as tx:
            tx.event(Event(float(number), "kind", "subject", str(number), {"n": number}))
    first = store.events(limit=2)
    assert [event.message for event in first] == ["0", "1"]
    assert [event.message for event in store.events(after=first[-1].seq)] == ["2", "3", "4"]
    assert first[0].data == {"n": 0}
    store.close()


def test_counters_never_repeat_across_restarts(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    given_out = [store.next_number("id", first=1000) for _ in range(3)]
    store.close()
    again = Store(tmp_path / "state.db")
    given_out.append(again.next_number("id", first=1000))
    again.close()
    assert given_out == [1000, 1001, 1002, 1003]


@pytest.mark.parametrize("table", ["", " WITHOUT ROWID"])
def test_a_database_of_an_earlier_version_is_taken_over(tmp_path: Path, table: str) -> None:
    database = sqlite3.connect(tmp_path / "state.db")
    database.execute(f"CREATE TABLE documents (key TEXT PRIMARY KEY, body TEXT NOT NULL){table}")
    database.execute("""INSERT INTO documents VALUES ('b', '{"n":1}'), ('a', '{}'), ('c', '{}')""")
    database.commit()
    database.close()
    store = Store(tmp_path / "state.db")
    assert dict(store.scan("")) == {"a": {}, "b": {"n": 1}, "c": {}}
    with store.transaction() as tx:
        tx.put("b", {"n": 2})
        tx.put("d", {"n": 3})
        tx.delete("a")
        tx.delete("never there")
    store.close()
    again = Store(tmp_path / "state.db")
    assert dict(again.scan("")) == {"b": {"n": 2}, "c": {}, "d": {"n": 3}}
    again.close()


def test_the_text_is_the_document_as_it_is_now(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    documents: dict[str, Document] = {"a/1": {"n": 1}, "a/2": {"text": "ä"}, "b": {}}
    put(store, **documents)
    put(store, **{"a/1": {"n": [2]}})
    store.close()
    again = Store(tmp_path / "state.db")
    assert (again.text("a/1"), again.text("a/2"), again.text("none")) == ('{"n":[2]}', '{"text":"ä"}', None)
    assert list(again.keys("a/")) == ["a/1", "a/2"]
    with again.transaction() as tx:
        tx.delete("a/1")
    assert again.text("a/1") is None
    assert list(again.keys("a/")) == ["a/2"]
    again.close()


def test_numbers_given_out_before_a_kill_are_not_given_out_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    given_out = {store.next_number("id", first=1000) for _ in range(250)}
    after_a_kill = Store(tmp_path / "state.db")  # the first one never wrote what it does at its end
    assert after_a_kill.next_number("id", first=1000) not in given_out
    after_a_kill.close()
    store.close()


_WRITER = """
import sys
from pathlib import Path
from localcloud.store import Store
store = Store(Path(sys.argv[1]))
for number in range(1_000_000):
    with store.transaction() as tx:
        tx.put(f"a/{number:07d}", {"n": number})
        tx.put(f"b/{number:07d}", {"n": number})
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9_and_pairs_stay_pairs(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(file)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(50)][-1]
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    store = Store(file)
    firsts = [document["n"] for _, document in store.scan("a/")]
    seconds = [document["n"] for _, document in store.scan("b/")]
    store.close()
    assert firsts == seconds == list(range(len(firsts)))
    assert len(firsts) > acknowledged


_KEYS = st.text(alphabet="ab/", min_size=1, max_size=4)
_WRITES = st.lists(
    st.dictionaries(_KEYS, st.none() | st.builds(lambda n: {"n": n}, st.integers()), max_size=4), max_size=8
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(changes=_WRITES, prefix=_KEYS | st.just(""))
def test_the_store_is_a_sorted_mapping_before_and_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Document | None]], prefix: str
) -> None:
    file = tmp_path_factory.mktemp("store") / "state.db"
    store, model = Store(file), dict[str, Document]()
    for change in changes:
        with store.transaction() as tx:
            for key, document in change.items():
                if document is None:
                    tx.delete(key)
                    model.pop(key, None)
                else:
                    tx.put(key, document)
                    model[key] = document
    wanted = sorted((key, document) for key, document in model.items() if key.startswith(prefix))
    assert list(store.scan(prefix)) == wanted
    store.close()
    again = Store(file)
    assert list(again.scan(prefix)) == wanted
    again.close()
