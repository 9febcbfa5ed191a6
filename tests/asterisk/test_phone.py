"""The talking phone against a real Asterisk: what it says arrives, what it hears is measured rightly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from asterisk.lab.instance import Lab
from asterisk.lab.phone import PhoneExchange
from asterisk.lab.phone_call import BUSY, NORMAL
from callflow.errors import ChannelGone

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module")]

NUMBERS = """
[callflow](+)
exten => 901,1,Answer()
 same => n,Milliwatt()
exten => 902,1,Answer()
 same => n,Echo()
exten => 903,1,Answer()
 same => n,Read(PRESSED,,4,,1,10)
 same => n,Set(GLOBAL(PRESSED)=${PRESSED})
 same => n,Hangup()
exten => 904,1,Answer()
 same => n,Wait(0.5)
 same => n,Hangup(16)
exten => 905,1,Hangup(17)
exten => 906,1,Answer()
 same => n,Wait(1)
 same => n,Playtones(440)
 same => n,Wait(1)
 same => n,StopPlaytones()
 same => n,Wait(30)
exten => 907,1,Set(GLOBAL(CALLER)=${CALLERID(num)}/${CALLERID(name)})
 same => n,Hangup()

[to-operator]
exten => _X.,1,Dial(PJSIP/callflow-trunk/sip:${EXTEN}@127.0.0.1:%(port)d,3,b(to-operator^header^1))
 same => n,Set(GLOBAL(DIALLED)=${DIALSTATUS})
 same => n,Hangup()
exten => header,1,Set(PJSIP_HEADER(add,X-Callflow-Summary)=winter tyres)
 same => n,Return()
"""


@dataclass
class Bench:
    """Both ends: the Asterisk under test, and the phones."""

    lab: Lab
    phones: PhoneExchange

    def told(self, name: str) -> str:
        """A global variable of the Asterisk under test."""
        for line in self.lab.cli("dialplan show globals").splitlines():
            if line.strip().startswith(f"{name}="):
                return line.strip().removeprefix(f"{name}=")
        return ""

    def calls_operator(self, number: str) -> None:
        """Let the Asterisk under test ring a phone; the other half of the call is a tone."""
        self.lab.cli(f"channel originate Local/{number}@to-operator application Milliwatt")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    phones = PhoneExchange()
    lab = Lab(
        operators={"201": phones.sip_port}, extra={"extensions.conf": NUMBERS % {"port": phones.sip_port}}
    )
    try:
        began = time.monotonic()
        await asyncio.to_thread(lab.start)
        phones.target_sip_port = lab.sip_port
        async with phones:
            print(f"\nboth Asterisks started in {time.monotonic() - began:.2f} s")
            yield Bench(lab, phones)
    finally:
        await asyncio.to_thread(lab.close)


async def test_a_tone_is_heard_at_its_pitch_and_level(bench: Bench) -> None:
    call = await bench.phones.dial("901")
    first_s = await call.hears_speech()
    await asyncio.sleep(1)
    await call.hang_up()
    tone = call.heard.sound(first_s, first_s + 0.9)
    print(f"\npitch {tone.pitch_hz:.1f} Hz, level {tone.rms_dbfs:.1f} dBFS")
    assert tone.pitch_hz == pytest.approx(1004, abs=1)
    assert tone.rms_dbfs == pytest.approx(-6.2, abs=0.5)  # 0 dBm0 lies 3.17 dB below the loudest sine
    assert not call.heard.gaps(50)


async def test_a_line_comes_back_from_the_echo(bench: Bench, tmp_path: Path) -> None:
    call = await bench.phones.dial("902")
    await call.says("winter tyres please")
    await call.hears_silence(after_s=0.3, since_s=call.answered_at)
    await call.hang_up()
    said_s, heard_s = call.said.first_audible(), call.heard.first_audible()
    assert said_s is not None
    assert heard_s is not None
    print(f"\necho after {(heard_s - said_s) * 1000:.2f} ms from mouth to ear, 20 of them the packet itself")
    assert 20 <= (heard_s - said_s) * 1000 < 200
    assert call.heard.audible_ms() == pytest.approx(call.said.audible_ms(), rel=0.1)
    call.recording().save_wav(tmp_path / "echo.wav")
    assert (tmp_path / "echo.wav").stat().st_size > 4 * 8000


async def test_silence_is_noticed_when_the_other_side_stops(bench: Bench) -> None:
    call = await bench.phones.dial("906")
    stopped_s = await call.hears_silence(after_s=0.4)
    first_s = call.heard.first_audible()
    assert first_s is not None
    assert stopped_s - first_s == pytest.approx(1.0, abs=0.1)
    await call.hang_up()


async def test_keys_arrive(bench: Bench) -> None:
    call = await bench.phones.dial("903")
    await call.press("40")
    await call.press("17")
    await call.hung_up()
    assert bench.told("PRESSED") == "4017"


async def test_the_other_side_hangs_up(bench: Bench) -> None:
    call = await bench.phones.dial("904")
    ended_s = await call.hung_up()
    assert call.answered_at is not None
    print(f"\nhung up {(ended_s - call.answered_at) * 1000:.0f} ms after the answer, 500 of them waited")
    assert call.cause == NORMAL
    with pytest.raises(ChannelGone):
        await call.says("hello")


async def test_hanging_up_is_prompt_at_both_ends(bench: Bench) -> None:
    call = await bench.phones.dial("902")
    began_s = time.monotonic()
    await call.hang_up()
    assert call.ended_at is not None
    print(f"\nour own hang-up took {(time.monotonic() - began_s) * 1000:.1f} ms")
    assert call.ended_at - began_s < 0.1
    await call.hang_up()  # a call that is over: nothing happens


async def test_a_refused_call_says_so(bench: Bench) -> None:
    with pytest.raises(ChannelGone):
        await bench.phones.dial("905")
    call = await bench.phones.place("905")
    await call.hung_up()
    assert (call.cause, call.answered_at) == (BUSY, None)


async def test_the_callers_number_and_name_arrive(bench: Bench) -> None:
    call = await bench.phones.place("907", caller="+380671234567", name="Olena")
    await call.hung_up()
    assert bench.told("CALLER") == "+380671234567/Olena"


async def test_a_phone_that_stops_sending_sends_nothing_and_still_speaks(bench: Bench) -> None:
    call = await bench.phones.dial("902", stops_sending=True)
    await asyncio.sleep(2.5)  # longer than AudioSocket lets a line be idle
    assert call.up
    assert len(call.heard) == 0, "the echo got something to send back"
    await call.says("hello")
    await call.hears_silence(after_s=0.3, since_s=call.answered_at)
    heard = len(call.heard)
    await asyncio.sleep(0.5)
    assert len(call.heard) <= heard + 1
    await call.hang_up()
    assert call.heard.audible_ms() == pytest.approx(call.said.audible_ms(), rel=0.2)


async def test_an_operator_answers_and_reads_the_display(bench: Bench) -> None:
    operator = bench.phones.extension("201").answers(after_s=0.2)
    await asyncio.to_thread(bench.calls_operator, "201")
    call = await operator.takes()
    assert await call.header("X-Callflow-Summary") == "winter tyres"
    assert await call.header("X-Nothing") == ""
    await call.hears_speech()
    assert call.answered_at is not None
    assert call.answered_at - call.placed_at >= 0.2
    await call.hang_up()


async def test_an_operator_declines(bench: Bench) -> None:
    operator = bench.phones.extension("202").declines()
    await asyncio.to_thread(bench.calls_operator, "202")
    call = await operator.rings()
    await call.hung_up()
    assert call.answered_at is None
    await _until_told(bench, "BUSY")


async def test_an_operator_lets_it_ring(bench: Bench) -> None:
    operator = bench.phones.extension("203").rings_out()
    await asyncio.to_thread(bench.calls_operator, "203")
    call = await operator.rings()
    ended_s = await call.hung_up()
    assert ended_s - call.placed_at == pytest.approx(3, abs=0.5)
    await _until_told(bench, "NOANSWER")


async def test_a_number_without_a_phone_is_absent(bench: Bench) -> None:
    await asyncio.to_thread(bench.calls_operator, "299")
    await _until_told(bench, "CHANUNAVAIL")


async def test_a_caller_and_an_operator_of_the_queue_hear_each_other(bench: Bench) -> None:
    operator = bench.phones.extension("201").answers(after_s=0.1)
    caller = await bench.phones.dial("100", caller="+380501112233")
    taken = await operator.takes()
    assert taken.caller.endswith("380501112233")
    await caller.says("winter tyres please")
    await taken.hears_silence(after_s=0.3)
    await taken.says("one moment", voice="rms")
    await caller.hears_silence(after_s=0.3)
    assert taken.heard.audible_ms() == pytest.approx(caller.said.audible_ms(), rel=0.1)
    assert caller.heard.audible_ms(caller.last_spoke_end or 0) == pytest.approx(
        taken.said.audible_ms(), rel=0.1
    )
    await taken.hang_up()
    await caller.hung_up()


async def test_twenty_phones_talk_at_once(bench: Bench) -> None:
    async def converse() -> float:
        call = await bench.phones.dial("902")
        await call.says("winter tyres please")
        await call.hears_silence(after_s=0.3, since_s=call.answered_at)
        await call.hang_up()
        said_s, heard_s = call.said.first_audible(), call.heard.first_audible()
        assert said_s is not None
        assert heard_s is not None
        assert call.heard.audible_ms() == pytest.approx(call.said.audible_ms(), rel=0.1)
        return (heard_s - said_s) * 1000

    waits = sorted(await asyncio.gather(*(converse() for _ in range(20))))
    print(f"\necho with 20 phones: median {waits[10]:.1f} ms, worst {waits[-1]:.1f} ms")
    assert len(waits) == 20


async def _until_told(bench: Bench, status: str) -> None:
    """The Asterisk under test writes its dial status just after the phone is free again."""
    for _ in range(100):
        told = await asyncio.to_thread(bench.told, "DIALLED")
        if told == status:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"the dial ended as {told!r}, not as {status!r}")
