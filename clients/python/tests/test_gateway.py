"""What a bank's engineer does on the first day, against a gateway."""

import uuid
from datetime import timedelta
from typing import Any

import grpc
import pytest

from idv_gateway import CursorMalformed, GatewayError, Violation, Watch, call
from idvgateway.options.v1.options_pb2 import RETRY_NEVER
from idvgateway.v1.common_pb2 import EVIDENCE_FETCHED
from idvgateway.v1.event_pb2 import EVENT_TYPE_IDENTIFICATION_COMPLETED, EventType
from idvgateway.v1.event_service_pb2 import (
    START_POSITION_EARLIEST,
    START_POSITION_SNAPSHOT,
    WatchEventsRequest,
    WatchEventsResponse,
)
from idvgateway.v1.event_service_pb2_grpc import EventServiceStub
from idvgateway.v1.identification_pb2 import IDENTIFICATION_STATE_COMPLETED, OUTCOME_VERIFIED
from idvgateway.v1.identification_service_pb2 import GetIdentificationRequest, WaitIdentificationRequest
from idvgateway.v1.identification_service_pb2_grpc import IdentificationServiceStub
from support.demo import APPROVE, CONNECTION, PATIENCE, START, SUBMIT, Demo, create, creation


def test_a_repeated_creation_is_the_same_identification(identifications: IdentificationServiceStub) -> None:
    request = creation(external_reference="first day")
    created = call(identifications.CreateIdentification, request)
    again = call(identifications.CreateIdentification, request)
    assert again.replayed
    assert not created.replayed
    assert again.identification.name == created.identification.name


def test_waiting_ends_with_the_decision(gateway: Demo, identifications: IdentificationServiceStub) -> None:
    name = create(identifications).name
    gateway.act(name, START)
    wanted = WaitIdentificationRequest(name=name, states=[IDENTIFICATION_STATE_COMPLETED])
    waiting = identifications.WaitIdentification.future(wanted, timeout=PATIENCE)
    gateway.act(name, SUBMIT, APPROVE)
    waited = waiting.result()
    assert not waited.timed_out
    assert waited.identification.decision.outcome == OUTCOME_VERIFIED


def test_waiting_says_when_the_time_is_over(identifications: IdentificationServiceStub) -> None:
    created = create(identifications)
    wanted = WaitIdentificationRequest(
        name=created.name, states=[IDENTIFICATION_STATE_COMPLETED], max_wait=timedelta(milliseconds=1)
    )
    waited = call(identifications.WaitIdentification, wanted)
    assert waited.timed_out
    assert waited.identification.name == created.name


def test_watching_shows_every_step_and_resumes_from_each(
    gateway: Demo, identifications: IdentificationServiceStub, events: EventServiceStub
) -> None:
    name = create(identifications).name
    gateway.act(name, START, SUBMIT, APPROVE)

    seen = until_completed(events, name, start_position=START_POSITION_EARLIEST)
    kinds = [EventType.Name(it.event.type).removeprefix("EVENT_TYPE_IDENTIFICATION_") for it in seen]
    assert kinds == ["CREATED", "STARTED", "SUBMITTED", "COMPLETED"]
    assert [it.event.revision for it in seen] == [1, 2, 3, 4]
    last = seen[-1].event
    assert (last.evidence, last.environment) == (EVIDENCE_FETCHED, "sandbox")
    assert last.identification_changed.identification.decision.outcome == OUTCOME_VERIFIED

    for index, message in enumerate(seen[:-1]):
        rest = until_completed(events, name, after_cursor=message.cursor)
        assert [it.event.event_id for it in rest] == [it.event.event_id for it in seen[index + 1 :]]

    got = call(identifications.GetIdentification, GetIdentificationRequest(name=name)).identification
    assert got.state == IDENTIFICATION_STATE_COMPLETED


def until_completed(stub: EventServiceStub, name: str, **start: Any) -> list[WatchEventsResponse]:
    request = WatchEventsRequest(filter={"identifications": [name]}, consumer="first day", **start)
    seen = []
    for message in Watch(stub, request):
        if message.HasField("event"):
            seen.append(message)
            if message.event.type == EVENT_TYPE_IDENTIFICATION_COMPLETED:
                break
    return seen


def test_a_snapshot_shows_the_present_and_then_what_follows(
    gateway: Demo, identifications: IdentificationServiceStub, events: EventServiceStub
) -> None:
    names = [create(identifications).name for _ in range(2)]
    request = WatchEventsRequest(start_position=START_POSITION_SNAPSHOT, filter={"identifications": names})
    shown, place = {}, ""
    for message in Watch(events, request):
        if message.HasField("snapshot_item"):
            assert not message.cursor
            shown[message.snapshot_item.identification.name] = message.snapshot_item.identification.revision
        if message.HasField("snapshot_completed"):
            place = message.cursor
            break
    assert shown == dict.fromkeys(names, 1)

    gateway.act(names[0], START, SUBMIT, APPROVE)
    rest = until_completed(events, names[0], after_cursor=place)
    assert [it.event.revision for it in rest] == [2, 3, 4]


def test_a_refused_field_is_named(identifications: IdentificationServiceStub) -> None:
    with pytest.raises(GatewayError) as refused:
        call(identifications.CreateIdentification, creation(subject={"nationality": "Germany"}))
    error = refused.value
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert (error.retry, error.retry_after) == (RETRY_NEVER, 0.0)
    assert [it.field for it in error.violations] == ["subject.nationality"]
    assert all(isinstance(it, Violation) and it.description for it in error.violations)
    assert error.metadata["operation"]
    assert str(error).startswith("VALIDATION_FAILED: ")


def test_what_is_not_there_is_not_found(identifications: IdentificationServiceStub) -> None:
    name = f"{CONNECTION}/identifications/{uuid.uuid4()}"
    with pytest.raises(GatewayError) as refused:
        call(identifications.GetIdentification, GetIdentificationRequest(name=name))
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")


def test_a_cursor_of_nobody_is_refused_at_once(events: EventServiceStub) -> None:
    with pytest.raises(CursorMalformed) as refused:
        next(iter(Watch(events, after="yesterday")))
    assert refused.value.reason == "CURSOR_MALFORMED"
