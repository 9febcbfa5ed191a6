"""A call, fact by fact."""

from __future__ import annotations

import pytest

from callflow import effects as do
from callflow import events as ev
from callflow.decisions import KEY_ALONE_S, KEYS_PAUSE_S, MAX_HOPS
from callflow.events import Timer
from callflow.load import load
from callflow.table import State
from callflow.testing import TalkingCall


def kinds(effects: tuple[do.Effect, ...]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def test_a_call_is_answered_before_a_word_is_said(call: TalkingCall) -> None:
    assert call.tell(ev.CallArrived("+380501112233", "100")) == (do.Answer(),)
    assert call.state is State.RINGING
    effects = call.tell(ev.CallAnswered())
    assert effects == (
        do.StartTimer(Timer.CALL, 600.0),
        do.RecordStep("opening", "answered"),
        do.Check("opening"),
    )
    assert call.state is State.THINKING


def test_the_greeting_is_spoken_then_the_agent_opens(call: TalkingCall) -> None:
    call.arrives()
    call.checked("open")
    assert call.state is State.GREETING
    assert call.saying == "Good day, this call is processed automatically."
    effects = call.bot_finishes()
    assert effects[0] == do.RecordTurn(do.Speaker.AGENT, call.saying, "greeting", speech=1)
    assert effects[-1] == do.AskAgent(1, "seller", "", "en")


def test_closed_hours_end_politely(call: TalkingCall) -> None:
    call.arrives()
    call.checked("closed")
    assert call.saying == "We are closed."
    assert kinds(call.bot_finishes()) == ["RecordTurn", "HangUp", "CloseCall"]
    assert call.machine.disposition == "after_hours"


def test_sentences_of_a_turn_are_one_utterance(call: TalkingCall) -> None:
    call.arrives().reaches("seller")
    assert call.agent_says("We have Nokian.") == (do.Say(2, "We have Nokian.", "seller", final=False),)
    assert call.agent_says("Shall I order?") == (do.SayMore(2, "Shall I order?"),)
    assert call.agent_finishes() == (do.SayMore(2, "", final=True),)
    effects = call.bot_finishes()
    assert effects == (
        do.RecordTurn(do.Speaker.AGENT, "We have Nokian. Shall I order?", "seller", speech=2),
        do.Listen("seller", "en"),
        do.StartTimer(Timer.SILENCE, 7.0),
    )
    assert call.state is State.LISTENING


def test_the_callers_words_are_stored_before_the_agent_is_asked(seller: TalkingCall) -> None:
    effects = seller.says("winter tyres")
    assert effects[-3:] == (
        do.RecordTurn(do.Speaker.CALLER, "winter tyres", "seller"),
        do.StopTimer(Timer.SILENCE),
        do.AskAgent(2, "seller", "winter tyres", "en"),
    )


def test_an_outcome_leads_to_its_end_with_the_values_filled_in(seller: TalkingCall) -> None:
    seller.says("yes")
    seller.agent_finishes("ordered", {"order.number": "1042"})
    assert seller.saying == "Your order is 1042. Goodbye!"
    seller.hangs_up()
    assert seller.machine.disposition == "ordered"


def test_a_caller_who_cuts_in_has_the_floor_at_once(seller: TalkingCall) -> None:
    seller.says("winter")
    seller.agent_says("We have very many winter tyres")
    effects = seller.tell(ev.CallerStarted())
    assert effects == (do.StopSpeaking(3), do.CancelAgent(2), do.Listen("seller", "en"))
    assert seller.state is State.LISTENING
    assert seller.tell(ev.SpeechEnded(3, "We have very", complete=False)) == (
        do.RecordTurn(do.Speaker.AGENT, "We have very", "seller", interrupted=True, speech=3),
    )
    seller.tell(ev.CallerSaid("only Nokian"))
    assert seller.asked == "only Nokian"


def test_a_cancelled_turn_that_goes_on_talking_is_counted_not_spoken(seller: TalkingCall) -> None:
    seller.says("winter")
    seller.agent_says("We have")
    seller.tell(ev.CallerStarted())
    seller.tell(ev.CallerSaid("wait"))
    assert seller.tell(ev.AgentSpoke(2, "many tyres")) == ()
    assert seller.machine.ignored[(State.THINKING, "AgentSpoke")] == 1


def test_the_notice_cannot_be_interrupted_and_early_words_count_afterwards(call: TalkingCall) -> None:
    call.arrives()
    call.checked("open")
    assert call.says("winter tyres please") == (
        do.RecordTurn(do.Speaker.CALLER, "winter tyres please", "greeting"),
    )
    assert call.state is State.GREETING
    call.bot_finishes()
    call.agent_says("Which size?")
    call.agent_finishes()
    call.bot_finishes()
    assert call.asked == "winter tyres please"


def test_a_key_pressed_in_the_notice_counts_when_it_is_over(call: TalkingCall) -> None:
    call.arrives()
    call.checked("open")
    assert call.presses("0") == ()
    call.bot_finishes()
    call.agent_finishes()
    call.tell(ev.TimerFired(Timer.KEYS))
    assert call.step == "operator"


def test_words_spoken_while_the_agent_thinks_are_added(seller: TalkingCall) -> None:
    seller.says("winter tyres")
    effects = seller.says("for a Skoda")
    assert do.CancelAgent(2) in effects
    assert seller.asked == "winter tyres for a Skoda"


def test_silence_has_its_words_in_order_then_the_keypad(seller: TalkingCall) -> None:
    assert seller.stays_silent() == (do.Say(3, "Are you still there?", "silence", 0),)
    seller.bot_finishes()
    assert seller.stays_silent() == (do.Say(4, "I cannot hear you.", "silence", 1),)
    seller.bot_finishes()
    seller.stays_silent()
    assert (seller.step, seller.saying) == ("keypad", "Press one.")


def test_a_menu_repeats_itself_then_gives_up(seller: TalkingCall) -> None:
    for _ in range(3):
        seller.stays_silent()
        seller.bot_finishes()
    seller.stays_silent()
    assert seller.saying == "Press one."
    seller.bot_finishes()
    seller.stays_silent()
    assert seller.step == "operator"


def test_wrong_keys_are_bounded(seller: TalkingCall) -> None:
    seller.machine._enter("keypad", "test")
    seller.presses("7")
    assert seller.step == "keypad"
    seller.presses("8")
    assert (seller.step, seller.machine.reason) == ("operator", "wrong_key")


def test_a_digit_spoken_in_a_menu_is_its_key(seller: TalkingCall) -> None:
    seller.machine._enter("keypad", "test")
    seller.bot_finishes()
    seller.tell(ev.CallerSaid("one", digits="1"))
    assert (seller.step, seller.machine.reason) == ("seller", "key_1")


def test_words_that_are_no_key_are_bounded(seller: TalkingCall) -> None:
    seller.machine._enter("keypad", "test")
    for _ in range(2):
        seller.tell(ev.CallerSaid("hello there"))
    assert seller.step == "operator"


def test_a_number_is_dictated_by_keys(seller: TalkingCall) -> None:
    for key in "5012":
        effects = seller.presses(key)
        assert effects == (do.StopTimer(Timer.SILENCE), do.StartTimer(Timer.KEYS, KEYS_PAUSE_S))
    seller.presses("0")
    seller.presses("#")
    assert seller.asked == "50120"


def test_a_number_is_complete_after_a_pause(seller: TalkingCall) -> None:
    seller.presses("5")
    seller.tell(ev.TimerFired(Timer.KEYS))
    assert seller.asked == "5"


def test_key_zero_alone_asks_for_a_person(seller: TalkingCall) -> None:
    assert seller.presses("0")[-1] == do.StartTimer(Timer.KEYS, KEY_ALONE_S)
    seller.tell(ev.TimerFired(Timer.KEYS))
    assert seller.saying == "One moment."
    effects = seller.bot_finishes()
    assert do.Transfer("sales", "operator", "key_0") in effects
    assert seller.state is State.TRANSFERRING


def test_a_number_may_begin_with_zero(seller: TalkingCall) -> None:
    for key in "0501#":
        seller.presses(key)
    assert seller.asked == "0501"


def test_key_zero_in_a_menu_asks_for_a_person_at_once(seller: TalkingCall) -> None:
    seller.machine._enter("keypad", "test")
    seller.presses("0")
    assert seller.step == "operator"


@pytest.fixture
def handed_over(seller: TalkingCall) -> TalkingCall:
    """A call that is about to leave for the queue."""
    seller.presses("0")
    seller.tell(ev.TimerFired(Timer.KEYS))
    seller.bot_finishes()
    return seller


def test_a_hand_over_is_confirmed_then_answered(handed_over: TalkingCall) -> None:
    assert handed_over.tell(ev.CallLeft()) == (do.StopTimer(Timer.TRANSFER), do.CloseAudio())
    assert handed_over.tell(ev.OperatorAnswered("201")) == (do.CloseCall("transferred", "operator"),)


def test_a_caller_given_back_by_the_queue_hears_what_happens_next(handed_over: TalkingCall) -> None:
    handed_over.tell(ev.CallLeft())
    assert handed_over.tell(ev.TransferEnded("no_answer")) == (do.Answer(),)
    handed_over.tell(ev.CallAnswered())
    assert handed_over.saying == "We will call you back."


def test_a_hand_over_that_asterisk_does_not_confirm_has_failed(handed_over: TalkingCall) -> None:
    handed_over.tell(ev.TimerFired(Timer.TRANSFER))
    assert (handed_over.step, handed_over.machine.reason) == ("callback", "failed")


def test_a_caller_who_leaves_the_queue_has_abandoned(handed_over: TalkingCall) -> None:
    handed_over.tell(ev.CallLeft())
    handed_over.hangs_up()
    assert handed_over.machine.disposition == "abandoned"


def test_too_many_turns_lead_to_the_limit(seller: TalkingCall) -> None:
    for _ in range(4):
        seller.says("hm")
        seller.agent_finishes()
    assert (seller.step, seller.machine.reason) == ("operator", "limit")


def test_a_call_that_lasts_too_long_goes_to_the_limit(seller: TalkingCall) -> None:
    seller.tell(ev.TimerFired(Timer.CALL))
    assert seller.machine.reason == "limit"


def test_a_failed_engine_ends_at_a_person(seller: TalkingCall) -> None:
    seller.says("winter")
    seller.tell(ev.Failed(ev.Part.AGENT, "provider-timeout"))
    assert (seller.step, seller.saying) == ("operator", "One moment.")


def test_a_lost_voice_ends_at_a_person_without_words(seller: TalkingCall) -> None:
    seller.says("winter")
    seller.agent_says("We have")
    effects = seller.tell(ev.Failed(ev.Part.SPEECH, "provider"))
    assert do.Transfer("sales", "operator", "error") in effects


def test_a_voice_lost_in_the_last_words_hangs_up(seller: TalkingCall) -> None:
    seller.says("yes")
    seller.agent_finishes("ordered")
    effects = seller.tell(ev.Failed(ev.Part.SPEECH, "provider"))
    assert kinds(effects)[-2:] == ["HangUp", "CloseCall"]
    assert seller.machine.disposition == "ordered"


def test_media_that_never_opens_still_reaches_the_queue(call: TalkingCall) -> None:
    call.tell(ev.CallArrived("1", "100"))
    effects = call.tell(ev.Failed(ev.Part.MEDIA, "no-audio"))
    assert kinds(effects)[-1] == "Transfer"


def test_failures_without_end_end(seller: TalkingCall) -> None:
    for _ in range(10):
        seller.tell(ev.Failed(ev.Part.AGENT, "x"))
    assert seller.state in (State.TRANSFERRING, State.ENDED)


def test_a_flow_that_loops_without_listening_ends_at_a_person() -> None:
    flow = load(
        "flow: loop\nstart: a\nsteps:\n  a: {check: hours, next: b}\n  b: {check: hours, next: a}\nends: {}\n"
    ).flow
    call = TalkingCall(flow).arrives()
    for _ in range(MAX_HOPS + 1):
        if call.state is State.THINKING:
            call.checked("open")
    assert (call.state, call.machine.disposition) == (State.ENDED, "error")


def test_what_was_not_understood_goes_back_to_the_agent(seller: TalkingCall) -> None:
    seller.tell(ev.CallerStarted())
    seller.tell(ev.CallerStopped())
    assert do.AskAgent(2, "seller", "", "en") in seller.tell(ev.CallerSaid(""))


def test_cutting_in_on_a_say_step_goes_on_with_the_words() -> None:
    text = (
        "flow: f\nstart: hello\nsteps:\n  hello: {say: A long welcome., next: talk}\n"
        "  talk: {agent: Talk., outcomes: {done: all is said}, next: {not_understood: done}}\n"
        "ends: {done: Bye.}\n"
    )
    call = TalkingCall(load(text).flow).arrives()
    call.says("I need tyres")
    assert call.step == "talk"
    call.agent_finishes()
    assert call.asked == "I need tyres"
