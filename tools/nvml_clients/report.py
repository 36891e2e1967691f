"""What was compared, and what differed."""
import collections


class Report:
    def __init__(self):
        self.rows = collections.OrderedDict()  # (client, machine, what) -> [comparisons, differences]
        self.notes = []

    def check(self, row, expected, got, about=""):
        """One comparison of a row (client, machine, what); a difference is printed at once."""
        counts = self.rows.setdefault(row, [0, 0])
        counts[0] += 1
        if expected == got:
            return True
        counts[1] += 1
        print(f"DIFFERS  {' / '.join(row)}{': ' + about if about else ''}\n"
              f"  expected {expected}\n  got      {got}", flush=True)
        return False

    def note(self, text):
        self.notes.append(text)

    def finish(self, each_machine):
        """Prints the table, a line for each machine or for all of a kind; answers whether nothing
        differed."""
        rows = collections.OrderedDict()
        for (client, machine, what), counts in self.rows.items():
            key = (client, what, machine if each_machine else "")
            row = rows.setdefault(key, [set(), 0, 0])
            row[0].add(machine)
            row[1:] = [row[1] + counts[0], row[2] + counts[1]]
        lines = [("client", "what", "machines", "compared", "differ")]
        lines += [(client, what, machine or str(len(machines)), str(done), str(wrong))
                  for (client, what, machine), (machines, done, wrong) in rows.items()]
        done, wrong = (sum(counts[i] for counts in self.rows.values()) for i in (0, 1))
        lines.append(("all", "", "", str(done), str(wrong)))
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        print()
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line[:3], widths)]
            cells += [cell.rjust(width) for cell, width in zip(line[3:], widths[3:])]
            print("  ".join(cells).rstrip())
        for text in self.notes:
            print(text)
        return wrong == 0
