// One table for each model, mode, fraction and way of sharing.
#include "core/online/slice_tables.h"

namespace kerf::online {

const SliceTable& SliceTables::of(const gpu::Model& model, gpu::GpuMode mode, std::uint8_t fraction,
                                  const gpu::SharingOptions& sharing) {
  std::unique_ptr<SliceTable>& table =
      tables_[{model.key, mode, fraction, sharing.time_slicing_replicas, sharing.offer_mps,
               sharing.mps_replicas}];
  if (!table) table = std::make_unique<SliceTable>(model, mode, fraction, sharing);
  return *table;
}

}  // namespace kerf::online
