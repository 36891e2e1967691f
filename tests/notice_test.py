#!/usr/bin/env python3
"""Every library that NOTICE lists has its license text in licenses/THIRD-PARTY.txt, and no other has.

    python3 tests/notice_test.py
"""
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
TEXTS = (ROOT / "licenses/THIRD-PARTY.txt").read_text(encoding="utf-8")
RULE = "=" * 90


class Notice(unittest.TestCase):
    def setUp(self):
        self.listed = [m[1].strip() for m in re.finditer(r"^  (\S.*?)   +\S", NOTICE, re.M)]
        self.sections = TEXTS.split(RULE + "\n")[1:]

    def test_each_library_has_a_text(self):
        titles = [re.sub(r" \([^()]*\)$", "", title.strip()) for title in self.sections[0::2]]
        self.assertEqual(titles.pop(), "GNU Lesser General Public License 2.1")
        self.assertEqual(sorted(titles), sorted(self.listed))

    def test_each_text_names_who_holds_the_copyright(self):
        self.assertGreater(len(self.listed), 10)
        for title, text in zip(self.sections[0::2], self.sections[1::2]):
            self.assertIn("Copyright", text, title)

    def test_the_texts_are_referred_to_and_readable(self):
        self.assertIn("licenses/THIRD-PARTY.txt", NOTICE)
        self.assertNotIn("/usr/", TEXTS)
        self.assertLess(len(TEXTS.encode()), 60_000)
        self.assertTrue(all(len(line) <= 100 for line in TEXTS.split("\n")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
