// SPDX-License-Identifier: Apache-2.0
/// The vfio-user protocol as bytes: header, message bodies, numbers. From the published specification
/// (QEMU, docs/interop/vfio-user). Little-endian, packed; plain data, free of SystemC.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lightcard::vfio_user {

enum class Command : std::uint16_t {
    version = 1,
    dma_map = 2,
    dma_unmap = 3,
    get_info = 4,
    get_region_info = 5,
    get_region_io_fds = 6,
    get_irq_info = 7,
    set_irqs = 8,
    region_read = 9,
    region_write = 10,
    dma_read = 11,   ///< server to client
    dma_write = 12,  ///< server to client
    reset = 13,
    region_write_multi = 15,
};

// Header::flags.
constexpr std::uint32_t kTypeMask = 0xf, kTypeCommand = 0, kTypeReply = 1;
constexpr std::uint32_t kNoReply = 0x10, kError = 0x20;

// Regions and interrupts of a PCI device (vfio numbering).
constexpr std::uint32_t kBar0 = 0, kBar2 = 2, kBar4 = 4, kConfigRegion = 7, kRegions = 9;
constexpr std::uint32_t kMsixIrq = 2, kIrqs = 5;

// Flags of the information replies.
constexpr std::uint32_t kDeviceReset = 1, kDevicePci = 2;
constexpr std::uint32_t kRegionRead = 1, kRegionWrite = 2, kRegionMap = 4, kRegionCapabilities = 8;
constexpr std::uint16_t kSparseMapCapability = 1;
constexpr std::uint32_t kIrqEventfd = 1;

// Flags of SET_IRQS.
constexpr std::uint32_t kDataNone = 1, kDataBool = 2, kDataEventfd = 4, kDataMask = 7;
constexpr std::uint32_t kActionMask = 8, kActionUnmask = 16, kActionTrigger = 32, kActionsMask = 0x38;

// Flags of DMA_MAP and DMA_UNMAP.
constexpr std::uint32_t kMapRead = 1, kMapWrite = 2;
constexpr std::uint32_t kUnmapDirty = 1, kUnmapAll = 2;

// What this implementation announces and bounds.
constexpr std::uint32_t kMaxTransfer = 1u << 20;  ///< data bytes of one message
constexpr std::uint32_t kMaxFds = 8;              ///< file descriptors of one message
constexpr std::uint32_t kMaxVersionBytes = 4096;  ///< VERSION message, JSON included
constexpr std::uint32_t kMaxMessage = kMaxTransfer + 64;
constexpr std::uint32_t kMaxWrites = 4096;  ///< of one REGION_WRITE_MULTI

#pragma pack(push, 1)

struct Header {
    std::uint16_t id;
    std::uint16_t command;
    std::uint32_t size;  ///< header included
    std::uint32_t flags;
    std::uint32_t error;  ///< errno, with kError
};

struct VersionBody {  ///< followed by JSON and NUL
    std::uint16_t major, minor;
};

struct DmaMapBody {
    std::uint32_t argsz, flags;
    std::uint64_t offset;  ///< into the file
    std::uint64_t iova, size;
};

struct DmaUnmapBody {
    std::uint32_t argsz, flags;
    std::uint64_t iova, size;
};

struct DeviceInfoBody {
    std::uint32_t argsz, flags, regions, irqs;
};

struct RegionInfoBody {
    std::uint32_t argsz, flags, index, cap_offset;
    std::uint64_t size, offset;
};

struct SparseMapBody {  ///< follows a RegionInfoBody: the one piece of the region that can be mapped
    std::uint16_t id, version;
    std::uint32_t next;
    std::uint32_t areas, rsvd;
    std::uint64_t offset, size;
};

struct IrqInfoBody {
    std::uint32_t argsz, flags, index, count;
};

struct SetIrqsBody {  ///< followed by `count` bytes if kDataBool
    std::uint32_t argsz, flags, index, start, count;
};

struct RegionAccessBody {  ///< followed by the data of a write, or of the reply to a read
    std::uint64_t offset;
    std::uint32_t region, count;
};

struct WriteMultiEntry {  ///< after a u64 with their number
    std::uint64_t offset;
    std::uint32_t region, count;
    std::uint8_t data[8];
};

struct DmaAccessBody {  ///< followed by the data of a write, or of the reply to a read
    std::uint64_t address, count;
};

#pragma pack(pop)

static_assert(sizeof(Header) == 16);
static_assert(sizeof(VersionBody) == 4);
static_assert(sizeof(DmaMapBody) == 32);
static_assert(sizeof(DmaUnmapBody) == 24);
static_assert(sizeof(DeviceInfoBody) == 16);
static_assert(sizeof(RegionInfoBody) == 32);
static_assert(sizeof(SparseMapBody) == 32);
static_assert(sizeof(IrqInfoBody) == 16);
static_assert(sizeof(SetIrqsBody) == 20);
static_assert(sizeof(RegionAccessBody) == 16);
static_assert(sizeof(WriteMultiEntry) == 24);
static_assert(sizeof(DmaAccessBody) == 16);
static_assert(kMaxWrites * sizeof(WriteMultiEntry) + sizeof(std::uint64_t) < kMaxTransfer);
static_assert(offsetof(RegionInfoBody, size) == 16 && offsetof(DmaMapBody, iova) == 16);

}  // namespace lightcard::vfio_user
