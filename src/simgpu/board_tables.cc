// The recorded tables of GPU boards: MIG profiles, placements and engines as drivers listed them.
//
// Sources: captures of `nvidia-smi mig -lgip` and `-lgipp` on real boards, NVIDIA's MIG User Guide,
// nvml.h 13.3.29 (enums), go-nvml 2f9e261 (A100), mig-parted bd7160f (names and counts of B300,
// GB300). Verified by a capture or a document: A100, A30, H100-80, H100-94, RTX PRO 6000. The
// placements of the others are those of every 8-unit board that was seen. 0 and -1: nobody has
// recorded it. Memory changes with the driver. SM counts of H100-80 are the SXM5 board's.
#include "simgpu/boards.h"

namespace kerf::simgpu {
namespace {

constexpr std::uint8_t kAt0To6[] = {0, 1, 2, 3, 4, 5, 6};
constexpr std::uint8_t kAt0246[] = {0, 2, 4, 6};
constexpr std::uint8_t kAt024[] = {0, 2, 4};
constexpr std::uint8_t kAt04[] = {0, 4};
constexpr std::uint8_t kAt0[] = {0};
constexpr std::uint8_t kAt0123[] = {0, 1, 2, 3};
constexpr std::uint8_t kAt02[] = {0, 2};
constexpr std::uint8_t kAt0369[] = {0, 3, 6, 9};
constexpr std::uint8_t kAt06[] = {0, 6};

// enum, id, name, compute slices, units, most, MiB, SMs, {copy, decoders, encoders, jpeg, ofa},
// starts
// clang-format off
constexpr BoardProfile kA10040[] = {
    {0, 19, "1g.5gb", 1, 1, 7, 4864, 14, {1, 0, 0, 0, 0}, kAt0To6},
    {7, 20, "1g.5gb+me", 1, 1, 1, 4864, 14, {1, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.10gb", 1, 2, 4, 9856, 14, {1, 1, 0, 0, 0}, kAt0246},
    {1, 14, "2g.10gb", 2, 2, 3, 9856, 28, {2, 1, 0, 0, 0}, kAt024},
    {2, 9, "3g.20gb", 3, 4, 2, 19968, 42, {3, 2, 0, 0, 0}, kAt04},
    {3, 5, "4g.20gb", 4, 4, 1, 19968, 56, {4, 2, 0, 0, 0}, kAt0},
    {4, 0, "7g.40gb", 7, 8, 1, 40192, 98, {7, 5, 0, 1, 1}, kAt0},
};
constexpr BoardProfile kA10080[] = {
    {0, 19, "1g.10gb", 1, 1, 7, 9856, 14, {1, 0, 0, 0, 0}, kAt0To6},
    {7, 20, "1g.10gb+me", 1, 1, 1, 9856, 14, {1, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.20gb", 1, 2, 4, 19968, 14, {1, 1, 0, 0, 0}, kAt0246},
    {1, 14, "2g.20gb", 2, 2, 3, 19968, 28, {2, 1, 0, 0, 0}, kAt024},
    {2, 9, "3g.40gb", 3, 4, 2, 40192, 42, {3, 2, 0, 0, 0}, kAt04},
    {3, 5, "4g.40gb", 4, 4, 1, 40192, 56, {4, 2, 0, 0, 0}, kAt0},
    {4, 0, "7g.80gb", 7, 8, 1, 80384, 98, {7, 5, 0, 1, 1}, kAt0},
};
constexpr BoardProfile kH10080[] = {
    {0, 19, "1g.10gb", 1, 1, 7, 9984, 16, {1, 1, 0, 1, 0}, kAt0To6},
    {7, 20, "1g.10gb+me", 1, 1, 1, 9984, 16, {1, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.20gb", 1, 2, 4, 20096, 26, {1, 1, 0, 1, 0}, kAt0246},
    {1, 14, "2g.20gb", 2, 2, 3, 20096, 32, {2, 2, 0, 2, 0}, kAt024},
    {2, 9, "3g.40gb", 3, 4, 2, 40448, 60, {3, 3, 0, 3, 0}, kAt04},
    {3, 5, "4g.40gb", 4, 4, 1, 40448, 64, {4, 4, 0, 4, 0}, kAt0},
    {4, 0, "7g.80gb", 7, 8, 1, 81152, 132, {8, 7, 0, 7, 1}, kAt0},
};
constexpr BoardProfile kH10094[] = {
    {0, 19, "1g.12gb", 1, 1, 7, 11008, 16, {1, 1, 0, 1, 0}, kAt0To6},
    {7, 20, "1g.12gb+me", 1, 1, 1, 11008, 16, {1, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.24gb", 1, 2, 4, 22144, 26, {1, 1, 0, 1, 0}, kAt0246},
    {1, 14, "2g.24gb", 2, 2, 3, 22144, 32, {2, 2, 0, 2, 0}, kAt024},
    {2, 9, "3g.47gb", 3, 4, 2, 47488, 60, {3, 3, 0, 3, 0}, kAt04},
    {3, 5, "4g.47gb", 4, 4, 1, 47488, 64, {4, 4, 0, 4, 0}, kAt0},
    {4, 0, "7g.94gb", 7, 8, 1, 95360, 132, {8, 7, 0, 7, 1}, kAt0},
};
constexpr BoardProfile kH10096[] = {
    {0, 19, "1g.12gb", 1, 1, 7, 0, 16, {1, 1, 0, 1, 0}, kAt0To6},
    {7, 20, "1g.12gb+me", 1, 1, 1, 0, 16, {1, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.24gb", 1, 2, 4, 23552, 26, {1, 1, 0, 1, 0}, kAt0246},
    {1, 14, "2g.24gb", 2, 2, 3, 23552, 32, {2, 2, 0, 2, 0}, kAt024},
    {2, 9, "3g.48gb", 3, 4, 2, 47616, 60, {3, 3, 0, 3, 0}, kAt04},
    {3, 5, "4g.48gb", 4, 4, 1, 47616, 64, {4, 4, 0, 4, 0}, kAt0},
    {4, 0, "7g.96gb", 7, 8, 1, 95232, 132, {8, 7, 0, 7, 1}, kAt0},
};
constexpr BoardProfile kGH200144[] = {
    {0, 19, "1g.18gb", 1, 1, 7, 17920, 16, {1, 1, 0, 1, 0}, kAt0To6},
    {7, 20, "1g.18gb+me", 1, 1, 1, 17920, 16, {1, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.36gb", 1, 2, 4, 36096, 26, {1, 1, 0, 1, 0}, kAt0246},
    {1, 14, "2g.36gb", 2, 2, 3, 36096, 32, {2, 2, 0, 2, 0}, kAt024},
    {2, 9, "3g.72gb", 3, 4, 2, 0, 0, {3, 3, 0, 3, 0}, kAt04},
    {3, 5, "4g.72gb", 4, 4, 1, 0, 0, {4, 4, 0, 4, 0}, kAt0},
    {4, 0, "7g.144gb", 7, 8, 1, 0, 0, {8, 7, 0, 7, 1}, kAt0},
};
constexpr BoardProfile kH200[] = {
    {0, 19, "1g.18gb", 1, 1, 7, 16384, 16, {1, 1, 0, 1, 0}, kAt0To6},
    {7, 20, "1g.18gb+me", 1, 1, 1, 16384, 16, {1, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.35gb", 1, 2, 4, 33024, 26, {1, 1, 0, 1, 0}, kAt0246},
    {1, 14, "2g.35gb", 2, 2, 3, 33024, 32, {2, 2, 0, 2, 0}, kAt024},
    {2, 9, "3g.71gb", 3, 4, 2, 71168, 60, {3, 3, 0, 3, 0}, kAt04},
    {3, 5, "4g.71gb", 4, 4, 1, 71168, 64, {4, 4, 0, 4, 0}, kAt0},
    {4, 0, "7g.141gb", 7, 8, 1, 143104, 132, {8, 7, 0, 7, 1}, kAt0},
};
constexpr BoardProfile kB200[] = {
    {0, 19, "1g.23gb", 1, 1, 7, 22528, 18, {2, 1, 0, 1, 0}, kAt0To6},
    {7, 20, "1g.23gb+me", 1, 1, 1, 22528, 18, {2, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.45gb", 1, 2, 4, 45312, 30, {2, 1, 0, 1, 0}, kAt0246},
    {1, 14, "2g.45gb", 2, 2, 3, 45312, 36, {4, 2, 0, 2, 0}, kAt024},
    {2, 9, "3g.90gb", 3, 4, 2, 91136, 0, {6, 3, 0, 3, 0}, kAt04},
    {3, 5, "4g.90gb", 4, 4, 1, 91136, 72, {8, 4, 0, 4, 0}, kAt0},
    {4, 0, "7g.180gb", 7, 8, 1, 0, 0, {16, 7, 0, 7, 1}, kAt0},
};
constexpr BoardProfile kGB200[] = {
    {0, 19, "1g.23gb", 1, 1, 7, 22528, 18, {2, 1, 0, 1, 0}, kAt0To6},
    {7, 20, "1g.23gb+me", 1, 1, 1, 22528, 18, {2, 1, 0, 1, 1}, kAt0To6},
    {9, 15, "1g.47gb", 1, 2, 4, 46592, 32, {2, 1, 0, 1, 0}, kAt0246},
    {1, 14, "2g.47gb", 2, 2, 3, 46592, 38, {4, 2, 0, 2, 0}, kAt024},
    {2, 9, "3g.93gb", 3, 4, 2, 0, 0, {6, 3, 0, 3, 0}, kAt04},
    {3, 5, "4g.93gb", 4, 4, 1, 0, 0, {8, 4, 0, 4, 0}, kAt0},
    {4, 0, "7g.186gb", 7, 8, 1, 0, 0, {16, 7, 0, 7, 1}, kAt0},
};
constexpr BoardProfile kB300[] = {
    {0, 19, "1g.34gb", 1, 1, 7, 0, 0, {-1, -1, 0, -1, 0}, kAt0To6},
    {7, 20, "1g.34gb+me", 1, 1, 1, 0, 0, {-1, -1, 0, -1, 1}, kAt0To6},
    {9, 15, "1g.67gb", 1, 2, 4, 0, 0, {-1, -1, 0, -1, 0}, kAt0246},
    {1, 14, "2g.67gb", 2, 2, 3, 0, 0, {-1, -1, 0, -1, 0}, kAt024},
    {2, 9, "3g.135gb", 3, 4, 2, 0, 0, {-1, -1, 0, -1, 0}, kAt04},
    {3, 5, "4g.135gb", 4, 4, 1, 0, 0, {-1, -1, 0, -1, 0}, kAt0},
    {4, 0, "7g.269gb", 7, 8, 1, 0, 0, {-1, -1, 0, -1, 1}, kAt0},
};
constexpr BoardProfile kGB300[] = {
    {0, 19, "1g.35gb", 1, 1, 7, 0, 0, {-1, -1, 0, -1, 0}, kAt0To6},
    {7, 20, "1g.35gb+me", 1, 1, 1, 0, 0, {-1, -1, 0, -1, 1}, kAt0To6},
    {9, 15, "1g.70gb", 1, 2, 4, 0, 0, {-1, -1, 0, -1, 0}, kAt0246},
    {1, 14, "2g.70gb", 2, 2, 3, 0, 0, {-1, -1, 0, -1, 0}, kAt024},
    {2, 9, "3g.139gb", 3, 4, 2, 0, 0, {-1, -1, 0, -1, 0}, kAt04},
    {3, 5, "4g.139gb", 4, 4, 1, 0, 0, {-1, -1, 0, -1, 0}, kAt0},
    {4, 0, "7g.278gb", 7, 8, 1, 0, 0, {-1, -1, 0, -1, 1}, kAt0},
};
constexpr BoardProfile kA30[] = {
    {0, 14, "1g.6gb", 1, 1, 4, 5952, 14, {1, 1, 0, 0, 0}, kAt0123},
    {7, 21, "1g.6gb+me", 1, 1, 1, 5952, 14, {1, 1, 0, 1, 1}, kAt0123},
    {1, 5, "2g.12gb", 2, 2, 2, 11968, 28, {2, 2, 0, 0, 0}, kAt02},
    {8, 6, "2g.12gb+me", 2, 2, 1, 11968, 28, {2, 2, 0, 1, 1}, kAt02},
    {3, 0, "4g.24gb", 4, 4, 1, 24000, 56, {4, 4, 0, 1, 1}, kAt0},
};
constexpr BoardProfile kRtxPro6000[] = {
    {0, 14, "1g.24gb", 1, 3, 4, 24192, 46, {1, 1, 1, 1, 0}, kAt0369},
    {7, 21, "1g.24gb+me", 1, 3, 1, 24192, 46, {1, 1, 1, 1, 1}, kAt0369},
    {10, 47, "1g.24gb+gfx", 1, 3, 4, 24192, 46, {1, 1, 1, 1, 0}, kAt0369},
    {15, 65, "1g.24gb+me.all", 1, 3, 1, 24192, 46, {1, 4, 4, 4, 1}, kAt0369},
    {13, 67, "1g.24gb-me", 1, 3, 4, 24192, 46, {1, 0, 0, 0, 0}, kAt0369},
    {1, 5, "2g.48gb", 2, 6, 2, 48512, 94, {2, 2, 2, 2, 0}, kAt06},
    {11, 35, "2g.48gb+gfx", 2, 6, 2, 48512, 94, {2, 2, 2, 2, 0}, kAt06},
    {16, 64, "2g.48gb+me.all", 2, 6, 1, 48512, 94, {2, 4, 4, 4, 1}, kAt06},
    {14, 66, "2g.48gb-me", 2, 6, 2, 48512, 94, {2, 0, 0, 0, 0}, kAt06},
    {3, 0, "4g.96gb", 4, 12, 1, 97408, 188, {4, 4, 4, 4, 1}, kAt0},
    {12, 32, "4g.96gb+gfx", 4, 12, 1, 97408, 188, {4, 4, 4, 4, 1}, kAt0},
};

// key, NVML name, architecture, units, compute slices, MiB, profiles
constexpr Board kBoards[] = {
    {"A100-40", "NVIDIA A100-SXM4-40GB", Architecture::Ampere, 8, 7, 40960, kA10040},
    {"A100-80", "NVIDIA A100-SXM4-80GB", Architecture::Ampere, 8, 7, 81920, kA10080},
    {"H100-80", "NVIDIA H100 80GB HBM3", Architecture::HopperOrLater, 8, 7, 81559, kH10080},
    {"H100-94", "NVIDIA H100 NVL", Architecture::HopperOrLater, 8, 7, 95830, kH10094},
    {"H100-96", "NVIDIA GH200 480GB", Architecture::HopperOrLater, 8, 7, 97871, kH10096},
    {"GH200-144", "NVIDIA GH200 144G HBM3e", Architecture::HopperOrLater, 8, 7, 0, kGH200144},
    {"H200", "NVIDIA H200", Architecture::HopperOrLater, 8, 7, 143771, kH200},
    {"B200", "NVIDIA B200", Architecture::HopperOrLater, 8, 7, 183359, kB200},
    {"GB200", "NVIDIA GB200", Architecture::HopperOrLater, 8, 7, 0, kGB200},
    {"B300", "NVIDIA B300 SXM6 AC", Architecture::HopperOrLater, 8, 7, 0, kB300},
    {"GB300", "NVIDIA GB300", Architecture::HopperOrLater, 8, 7, 0, kGB300},
    {"A30", "NVIDIA A30", Architecture::Ampere, 4, 4, 24576, kA30},
    {"RTX-PRO-6000", "NVIDIA RTX PRO 6000 Blackwell Server Edition", Architecture::HopperOrLater, 12, 4, 97887, kRtxPro6000},
    {"T4", "Tesla T4", Architecture::NoMig, 0, 0, 15360, {}},
    {"T4G", "NVIDIA T4G", Architecture::NoMig, 0, 0, 15360, {}},
    {"A10G", "NVIDIA A10G", Architecture::NoMig, 0, 0, 23028, {}},
    {"L4", "NVIDIA L4", Architecture::NoMig, 0, 0, 23034, {}},
    {"L40S", "NVIDIA L40S", Architecture::NoMig, 0, 0, 46068, {}},
    {"V100-16", "Tesla V100-SXM2-16GB", Architecture::NoMig, 0, 0, 16160, {}},
    {"V100-32", "Tesla V100-SXM2-32GB", Architecture::NoMig, 0, 0, 0, {}},
};
// clang-format on

}  // namespace

std::span<const Board> boards() { return kBoards; }

}  // namespace kerf::simgpu
