// Looking things up in the boards' tables.
#include "simgpu/boards.h"

#include "base/assert.h"

namespace kerf::simgpu {

const BoardProfile* Board::by_enum(std::uint32_t profile) const {
  for (const BoardProfile& p : profiles)
    if (p.profile == profile) return &p;
  return nullptr;
}

const BoardProfile* Board::by_id(std::uint32_t id) const {
  for (const BoardProfile& p : profiles)
    if (p.id == id) return &p;
  return nullptr;
}

const BoardProfile& Board::full() const {
  const BoardProfile* whole = by_id(0);
  KERF_ASSERT(whole != nullptr && whole->size == units,
              "every MIG board has a profile of all units");
  return *whole;
}

const Board* find_board(std::string_view key) {
  for (const Board& board : boards())
    if (board.key == key) return &board;
  return nullptr;
}

}  // namespace kerf::simgpu
