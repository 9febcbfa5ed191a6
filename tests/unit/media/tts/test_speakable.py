"""What a voice reads for what is written."""

import pytest

from media.tts.speakable import speakable


@pytest.mark.parametrize(
    ("written", "language", "spoken"),
    [
        ("Do you need 205/55 R16?", "en", "Do you need 205 55 R 16?"),
        ("205/55R16 and R17", "en", "205 55 R 16 and R 17"),
        ("205/55 ZR16 XL", "en", "205 55 R 16 XL"),
        ("Шини 195/65 R15.", "uk", "Шини 195 65 ер 15."),
        ("It costs 3,450 UAH.", "en", "It costs 3450 hryvnias."),
        ("It costs $1,200.50 today", "en", "It costs 1200.50 dollars today"),
        ("1 USD", "en", "1 dollar"),
        ("Ціна 3 451 грн", "uk", "Ціна 3451 гривня"),
        ("Ціна 2 грн.", "uk", "Ціна 2 гривні"),
        ("Ціна 12₴", "uk", "Ціна 12 гривень"),
        ("Цена 22 UAH", "ru", "Цена 22 гривны"),
        ("Call +380501234567.", "en", "Call plus 3 8, 0 5 0, 1 2 3, 4 5, 6 7."),
        ("Call 050 123 45 67 now", "en", "Call 0 5 0, 1 2 3, 4 5, 6 7 now"),
        ("тел. (044) 234-56-78", "uk", "тел. 0 4 4, 2 3 4, 5 6, 7 8"),
        ("Your order number 1042 is ready", "en", "Your order number 1 0 4 2 is ready"),
        ("Order #SP-1042", "en", "Order number S P 1 0 4 2"),
        ("Замовлення № 1042", "uk", "Замовлення номер 1 0 4 2"),
        ("Reference SP-1042, 12345678.", "en", "Reference S P 1 0 4 2, 1 2 3 4 5 6 7 8."),
    ],
)
def test_is_read_as_people_say_it(written: str, language: str, spoken: str) -> None:
    assert speakable(written, language).text == spoken


@pytest.mark.parametrize(
    "written", ["We have 12 sets since 2019.", "At 9:30, or 10.5 %.", "I need 3 or 4.", "Mr. R. Smith's car"]
)
def test_leaves_the_rest_alone(written: str) -> None:
    assert speakable(written, "en").text == written


def test_knows_where_each_written_word_begins() -> None:
    reading = speakable("Tyres 205/55 R16,  3,450 UAH  each!", "en")
    assert reading.text == "Tyres 205 55 R 16, 3450 hryvnias each!"
    assert [(reading.text[offset:].split()[0], word) for offset, word in reading.words] == [
        ("Tyres", "Tyres"),
        ("205", "205/55 R16,"),
        ("3450", "3,450 UAH"),
        ("each!", "each!"),
    ]


@pytest.mark.parametrize("blank", ["", "  \n "])
def test_nothing_is_read_for_nothing(blank: str) -> None:
    assert speakable(blank, "en").words == ()
