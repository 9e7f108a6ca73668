// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/session.h"

namespace lightcard::vfio_user {

Session::~Session()
{
    memory_.clear();
    interrupts_.clear();
    memory_.set_max_transfer(kMaxTransfer);
    device_.reset();
}

Bytes Session::handle(const Header& header, const Bytes& body, std::vector<Descriptor> descriptors)
{
    attachments_.clear();
    auto decoded = decode(header, body.data(), body.size(), descriptors.size());
    if (const auto* refusal = std::get_if<Refusal>(&decoded)) return refuse(header, *refusal);
    auto& request = std::get<Request>(decoded);
    if (introduced_ == std::holds_alternative<VersionRequest>(request))
        return refuse(header, {EINVAL, introduced_ ? "VERSION: said already" : "a message before VERSION"});
    request_bytes_ = header.size;
    auto done = std::visit([&](auto& what) { return answer(what, std::move(descriptors)); }, request);
    if (const auto* refusal = std::get_if<Refusal>(&done)) return refuse(header, *refusal);
    if ((header.flags & kTypeMask) == kTypeReply || (header.flags & kNoReply) != 0) return {};
    return make_reply(header, std::get<Bytes>(done));
}

Bytes Session::refuse(const Header& header, const Refusal& refusal)
{
    log_(refusal.why);
    if ((header.flags & kTypeMask) == kTypeReply || (header.flags & kNoReply) != 0) return {};
    return make_error(header, refusal.error);
}

bool Session::inside(std::uint32_t region, std::uint64_t offset, std::size_t bytes) const
{
    const auto size = device_.region_bytes(region);
    return offset <= size && bytes <= size - offset;
}

// --- one function a message --------------------------------------------------------------------------------------

Session::Answer Session::answer(const VersionRequest& request, Descriptors)
{
    introduced_ = true;
    max_transfer_ = request.max_transfer;
    memory_.set_max_transfer(max_transfer_);
    return version_answer(request, request_bytes_);
}

Session::Answer Session::answer(const DmaMapRequest& request, Descriptors descriptors)
{
    auto refusal = memory_.map(request, descriptors.empty() ? Descriptor() : std::move(descriptors[0]));
    if (refusal) return *refusal;
    return Bytes{};
}

Session::Answer Session::answer(const DmaUnmapRequest& request, Descriptors)
{
    if (auto refusal = memory_.unmap(request)) return *refusal;
    Bytes body;
    append(body, request.body);
    return body;
}

Session::Answer Session::answer(const DeviceInfoRequest&, Descriptors)
{
    Bytes body;
    append(body, DeviceInfoBody{sizeof(DeviceInfoBody), kDevicePci | kDeviceReset, kRegions, kIrqs});
    return body;
}

Session::Answer Session::answer(const RegionInfoRequest& request, Descriptors)
{
    const auto size = device_.region_bytes(request.index);
    const auto mapping = device_.mapping(request.index);
    RegionInfoBody info{sizeof(RegionInfoBody), size == 0 ? 0 : kRegionRead | kRegionWrite, request.index, 0, size, 0};
    Bytes body;
    if (mapping.bytes == 0) {
        append(body, info);
        return body;
    }
    // A client asks twice: how much room the answer needs, and with that room.
    info.flags |= kRegionMap;
    info.argsz = sizeof(RegionInfoBody) + sizeof(SparseMapBody);
    const bool whole = request.room >= info.argsz;
    if (whole) {
        info.flags |= kRegionCapabilities;
        info.cap_offset = sizeof(RegionInfoBody);
        attachments_ = {mapping.descriptor};
    }
    append(body, info);
    if (whole) append(body, SparseMapBody{kSparseMapCapability, 1, 0, 1, 0, 0, mapping.bytes});
    return body;
}

Session::Answer Session::answer(const IrqInfoRequest& request, Descriptors)
{
    const bool msix = request.index == kMsixIrq;
    Bytes body;
    append(body,
           IrqInfoBody{sizeof(IrqInfoBody), msix ? kIrqEventfd : 0, request.index, msix ? interrupts_.vectors() : 0});
    return body;
}

Session::Answer Session::answer(const SetIrqsRequest& request, Descriptors descriptors)
{
    if (auto refusal = interrupts_.set(request, std::move(descriptors))) return *refusal;
    return Bytes{};
}

Session::Answer Session::answer(const RegionReadRequest& request, Descriptors)
{
    if (request.count > max_transfer_) return Refusal{EINVAL, "REGION_READ: more than was agreed on"};
    if (!inside(request.region, request.offset, request.count))
        return Refusal{EINVAL, "REGION_READ: outside region " + std::to_string(request.region)};
    Bytes body;
    body.reserve(sizeof(RegionAccessBody) + request.count);
    append(body, RegionAccessBody{request.offset, request.region, request.count});
    body.resize(body.size() + request.count);
    device_.read(request.region, request.offset, body.data() + sizeof(RegionAccessBody), request.count);
    return body;
}

Session::Answer Session::answer(RegionWriteRequest& request, Descriptors)
{
    if (!inside(request.region, request.offset, request.data.size()))
        return Refusal{EINVAL, "REGION_WRITE: outside region " + std::to_string(request.region)};
    Bytes body;
    append(body, RegionAccessBody{request.offset, request.region, static_cast<std::uint32_t>(request.data.size())});
    device_.write(request.region, request.offset, std::move(request.data));
    return body;
}

/// All of them or none.
Session::Answer Session::answer(WriteMultiRequest& request, Descriptors)
{
    for (const auto& write : request.writes)
        if (!inside(write.region, write.offset, write.data.size()))
            return Refusal{EINVAL, "REGION_WRITE_MULTI: outside region " + std::to_string(write.region)};
    Bytes body;
    append(body, static_cast<std::uint64_t>(request.writes.size()));
    for (auto& write : request.writes) device_.write(write.region, write.offset, std::move(write.data));
    return body;
}

Session::Answer Session::answer(const ResetRequest&, Descriptors)
{
    if (!device_.reset()) return Refusal{ETIMEDOUT, "DEVICE_RESET: the model did not get to it in time"};
    return Bytes{};
}

Session::Answer Session::answer(DmaReply& reply, Descriptors)
{
    if (!memory_.answer(std::move(reply))) return Refusal{EINVAL, "answer to a DMA message that is not under way"};
    return Bytes{};
}

}  // namespace lightcard::vfio_user
