// JsonItems: the items of a long Kubernetes List, one by one while its bytes come in.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/document.h"

namespace kerf::codec {

/// Takes `{"apiVersion":"v1","items":[{...},{...}],"kind":"List",...}` in pieces and hands out each
/// item as a value, so that never more than one item is in memory as a whole. Keys of the list may
/// stand in any order. An object without "items" is handed out itself. Bounds: `item_bytes_max` for
/// one item, `bytes_max` for the list, Limits for what is in an item; TooLarge beyond.
class JsonItems {
 public:
  struct Bounds {
    std::size_t item_bytes_max = 16u << 20;
    std::size_t bytes_max = std::size_t{2} << 30;
  };
  using Take = std::function<Result<void>(Node item)>;

  JsonItems(std::string source, Take take);
  JsonItems(std::string source, Take take, Bounds bounds);
  ~JsonItems();
  JsonItems(const JsonItems&) = delete;
  JsonItems& operator=(const JsonItems&) = delete;

  /// The next bytes. After an error every further call returns it.
  Result<void> feed(std::string_view bytes);
  /// No more will come: an error if the text ended too early ("... ends in the middle").
  Result<void> end();
  std::size_t items() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kerf::codec
