"""What breaks on the way changes nothing of what stands in the end."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError
from strata.errors import ResourceMissing
from strata.light.cloud import api, consumer, handlers, store
from strata.light.cloud.dead import redrive
from strata.light.cloud.messages import File, Message
from strata.light.cloud.queues import Outgoing, send_all
from strata.light.cloud.store import Write
from strata.light.order import CONFLICT, REPEATED

from tests.loopback import Answer, Site, serve
from tests.unit.light.cloud.world import HEADER, Context, Killed, World

CAR = {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}
KEY = "fleet/events/delivery=2026-10-02/a.csv"
METADATA = "fleet/vehicles/delivery=2026-10-01/metadata_api.json"
ROWS = [f"v{n % 5},2026-10-01 06:{n // 60:02d}:{n % 60:02d},1,2,50,moving,60\n" for n in range(60)]


@pytest.fixture
def filled(world: World) -> World:
    """A file of 60 sound records, which are three batch writes, in the queue of moving ones."""
    world.load(METADATA, {f"v{n}": CAR for n in range(5)})
    world.arrive(world.put(KEY, HEADER + "".join(ROWS)))
    world.pump(world.settings.arrivals, handlers.split_events)
    return world


def faulty(
    world: World, client: str, operation: str, fault: Callable[[int, dict[str, Any]], Any]
) -> list[int]:
    """Has the functions' own client ask `fault` before each call; what it returns is the answer.
    The list gets the items of each call."""
    calls: list[int] = []
    meta = getattr(handlers.clients(), client).meta
    real = meta.client if hasattr(meta, "client") else getattr(handlers.clients(), client)
    inner = getattr(real, operation)

    def call(**asked: Any) -> Any:
        requests = asked.get("RequestItems", {})
        calls.append(sum(len(of) for of in requests.values() if isinstance(of, list)))
        answer = fault(len(calls), asked)
        return inner(**asked) if answer is None else answer

    setattr(real, operation, call)
    return calls


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "BatchWriteItem")


def raises(problem: BaseException) -> Any:
    raise problem


def all_stand(world: World) -> bool:
    return [len(world.fixes()), len(world.rejected()), len(world.dead())] == [60, 0, 0]


def test_items_that_are_left_over_and_throttled_calls_are_tried_again_with_jitter(
    filled: World,
) -> None:
    def fault(call: int, asked: dict[str, Any]) -> Any:
        if call % 3 == 1:
            raise error("ThrottlingException")
        if call % 3 == 2:
            (requests,) = asked["RequestItems"].values()
            inner = filled.clients.dynamodb.batch_write_item
            inner(RequestItems={"fixes": requests[:5]})
            return {"UnprocessedItems": {"fixes": requests[5:]}}
        return None

    sizes = faulty(filled, "dynamodb", "batch_write_item", fault)
    filled.pump(filled.settings.moving, handlers.judge)
    assert all_stand(filled)
    assert max(sizes) == 25
    waits = [wait for wait in filled.slept if wait > 0]
    assert len(set(waits)) == len(waits) > 5
    assert all(0 <= wait <= 5 for wait in waits)


def test_a_table_that_takes_nothing_sends_the_messages_back_and_loses_none(filled: World) -> None:
    failing = [True]
    faulty(filled, "dynamodb", "batch_write_item",
           lambda _, asked: {"UnprocessedItems": asked["RequestItems"]} if failing[0] else None)  # fmt: skip
    event = filled.receive(filled.settings.moving)
    answer = handlers.judge(event, Context())
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"]]
    }
    failing[0] = False
    handlers.judge(event, Context())
    assert all_stand(filled)


@pytest.mark.parametrize("calls_before", [1])
def test_a_function_killed_between_writes_and_the_delete_writes_nothing_twice(
    filled: World, calls_before: int
) -> None:
    faulty(filled, "dynamodb", "batch_write_item",
           lambda call, _: raises(Killed()) if call == calls_before + 1 else None)  # fmt: skip
    event = filled.receive(filled.settings.moving)
    with pytest.raises(Killed):
        handlers.judge(event, Context())
    # SQS shows the message again; here at once.
    handlers.judge(event, Context())
    assert all_stand(filled)
    outcome = consumer.consume(filled.clients, event, filled.vehicles)
    assert outcome.confirmed == {"same record": 60}
    assert all_stand(filled)


def test_records_that_come_together_are_no_mistakes_of_the_filter(world: World) -> None:
    """One call's own records are not in the table yet when the filter knows them."""
    world.load(METADATA, {f"v{n}": CAR for n in range(5)})
    slower = ROWS[1].replace(",50,", ",40,")
    world.arrive(world.put(KEY, HEADER + ROWS[0] + ROWS[0] + ROWS[1] + slower))
    world.pump(world.settings.arrivals, handlers.split_events)
    event = world.receive(world.settings.moving)
    # The message twice in one call, as a queue that delivers at least once may send it.
    event = {"Records": event["Records"] * 2}
    outcome = consumer.consume(world.clients, event, world.vehicles)
    assert outcome.confirmed == {REPEATED: 3, CONFLICT: 3}
    assert [fix[0] for fix in world.fixes()] == ["v0"]


def test_a_splitter_killed_after_sending_sends_again_and_nothing_stands_twice(world: World) -> None:
    world.load(METADATA, {f"v{n}": CAR for n in range(5)})
    faulty(
        world, "dynamodb", "update_item", lambda call, _: raises(Killed()) if call == 1 else None
    )
    notice = world.put(KEY, HEADER + "".join(ROWS))
    with pytest.raises(Killed):
        handlers.split_events(notice, Context())
    world.arrive(notice)
    world.drain()
    assert all_stand(world)


def test_an_item_that_dynamodb_refuses_keeps_none_of_its_neighbours_out(filled: World) -> None:
    name = "x" * 3000
    file = File("a.csv", "f" * 64, "telemetry", "2026-10-02")
    rows = [(1, ["v1", "2026-10-01 07:00:00", "1", "2", "50", "moving", "60"]),
            (2, [name, "2026-10-01 07:00:00", "1", "2", "50", "moving", "60"])]  # fmt: skip
    message = Message(file, "2026-10-02T00:00:00Z", rows)
    # DynamoDB takes keys of 2,048 bytes at most; moto takes the vehicle as it is.
    put = filled.clients.dynamodb.put_item
    put(TableName="vehicles", Item={"vehicle_id": name[:100], "days": "{}"})
    faulty(filled, "dynamodb", "batch_get_item", lambda call, asked: {
        "Responses": {"vehicles": [{"vehicle_id": n, "max_speed_kmh": 100, "depot_lat_deg": 1, "depot_lon_deg": 2}
                                   for n in ("v1", name)]}})  # fmt: skip

    def refuse(_: int, asked: dict[str, Any]) -> Any:
        keys = [
            r["PutRequest"]["Item"]["vehicle_id"] for r in asked["RequestItems"].get("fixes", [])
        ]
        return raises(error("ValidationException")) if name in keys else None

    faulty(filled, "dynamodb", "batch_write_item", refuse)
    send_all(filled.clients, filled.settings.idle, [Outgoing(message.body)])
    calls = filled.pump(filled.settings.idle, handlers.judge)
    assert calls == consumer.TRIES
    assert ("v1", "07:00:00", 50.0, 1) in filled.fixes()
    (letter,) = filled.dead()
    told = {key: letter[key] for key in ("file", "record", "attempt", "queue", "first_seen")}
    assert told == {"file": "a.csv", "record": "2", "attempt": "3", "queue": "idle",
                    "first_seen": "2026-10-02T00:00:00Z"}  # fmt: skip
    assert "ValidationException" in letter["reason"]


@pytest.mark.parametrize("body", ["no JSON", '{"file":{},"rows":[]}'])
def test_a_message_that_is_none_is_a_dead_letter_after_three_tries(
    filled: World, body: str
) -> None:
    send_all(filled.clients, filled.settings.moving, [Outgoing(body)])
    filled.pump(filled.settings.moving, handlers.judge)
    (letter,) = filled.dead()
    assert (letter["body"], letter["attempt"]) == (body, "3")
    assert len(filled.fixes()) == 60
    queues = {"moving": filled.settings.moving}
    assert redrive(filled.clients, lambda told: "other" in told["reason"], queues) == (0, 1)


def test_a_batch_write_of_more_than_25_items_is_our_own_error() -> None:
    writes = [Write("t", {"k": str(n)}, {}) for n in range(26)]
    with pytest.raises(ValueError, match="1 to 25 items; this one has 26"):
        store._write_batch(None, writes)  # type: ignore[arg-type]


def test_one_key_stands_once_in_a_batch_and_numbers_are_decimal(filled: World) -> None:
    writes = [
        Write("vehicles", {"vehicle_id": "w"}, {"x": store.decimal(n / 10)}) for n in range(3)
    ]
    sizes = faulty(filled, "dynamodb", "batch_write_item", lambda *_: None)
    assert store.write_all(handlers.clients(), writes) == {}
    assert sizes == [1]
    (item,) = store.read_all(filled.clients, "vehicles", [{"vehicle_id": "w"}])
    assert str(item["x"]) == "0.2"


def test_messages_go_ten_and_256_kib_a_request_and_untaken_ones_again(world: World) -> None:
    sent: list[tuple[int, int]] = []

    def fault(call: int, asked: dict[str, Any]) -> Any:
        sent.append((len(asked["Entries"]), sum(len(e["MessageBody"]) for e in asked["Entries"])))
        return (
            {"Failed": [{"Id": e["Id"], "Code": "InternalError"} for e in asked["Entries"]]}
            if call == 2
            else None
        )

    faulty(world, "sqs", "send_message_batch", fault)
    messages = [Outgoing("x" * 10_000) for _ in range(23)] + [
        Outgoing("y" * 200_000),
        Outgoing("z" * 70_000),
    ]
    assert send_all(handlers.clients(), world.settings.idle, messages) == 25
    assert [n for n, _ in sent] == [10, 10, 10, 4, 1]
    assert max(size for _, size in sent) <= 262_144
    taken = 0
    while records := world.receive(world.settings.idle)["Records"]:
        taken += len(records)
    assert taken == 25


def test_s3_that_breaks_off_and_answers_503_is_read_on_where_it_broke(world: World) -> None:
    world.load(METADATA, {f"v{n}": CAR for n in range(5)})
    notice = world.put(KEY, HEADER + "".join(ROWS))
    text = (HEADER + "".join(ROWS)).encode()

    class Broken:
        """The body of an answer whose connection ends early."""

        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self, size: int) -> bytes:
            data, self.data = self.data[:size], self.data[size:]
            return data

    def fault(call: int, asked: dict[str, Any]) -> Any:
        start = int(asked["Range"].split("=")[1].split("-")[0])
        if call % 3 == 1:
            return {"Body": Broken(text[start : start + 1000])}
        if call % 3 == 2:
            raise urllib3_error()
        return None

    faulty(world, "s3", "get_object", fault)
    handlers.split_events(notice, Context())
    world.drain()
    assert all_stand(world)


def urllib3_error() -> Exception:
    from botocore.exceptions import EndpointConnectionError

    return EndpointConnectionError(endpoint_url="https://s3")


def test_the_metadata_api_is_asked_again_after_500_and_a_broken_answer_is_kept_nowhere(
    world: World,
) -> None:
    content = json.dumps({"v": CAR}).encode()
    quick = urllib3.Retry(total=3, backoff_factor=0, status_forcelist=(500, 503))
    day = dt.date(2026, 10, 1)
    with serve(Site(content, script=[Answer(status=500), Answer(status=503)])) as site:
        key = api.fetch(world.clients, site.url, "raw", day, quick)
        assert len(site.asked) == 3
    assert world.clients.s3.get_object(Bucket="raw", Key=key)["Body"].read() == content
    broken = Site(content, script=[Answer(body=content, cut_at=5)])
    with serve(broken) as site, pytest.raises(ResourceMissing):
        api.fetch(world.clients, site.url, "raw", dt.date(2026, 10, 2), quick)
    listed = world.clients.s3.list_objects_v2(Bucket="raw", Prefix="fleet/vehicles/")
    assert [item["Key"] for item in listed["Contents"]] == [key]
