// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/client_transport.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::vfio_user {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::chrono::seconds kAnswerTime{60};   ///< the server's own limit is far below
constexpr std::chrono::milliseconds kGlance{20};  ///< between looks at the card's clock
constexpr std::uint32_t kCommand = 0x04, kMsixControl = 0x52;
constexpr std::uint16_t kCommandOn = 0x0406, kMsixOn = 0x8000;

Error system_error(const std::string& what)
{
    return {what + ": " + std::strerror(errno), "vfio-user client", ""};
}

template <class Body>
Bytes as_bytes(const Body& body)
{
    Bytes bytes;
    append(bytes, body);
    return bytes;
}

}  // namespace

Result<std::unique_ptr<ClientTransport>> ClientTransport::attach(const std::string& path)
{
    auto socket = connect_to(path);
    if (!socket) return socket.error();
    std::unique_ptr<ClientTransport> client(new ClientTransport(std::move(*socket)));
    if (auto started = client->start(); !started) return started.error();
    return client;
}

ClientTransport::~ClientTransport()
{
    if (base_ != nullptr) munmap(base_, kMemoryBytes);
}

Status ClientTransport::start()
{
    const std::string offer =
        R"({"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576,"write_multiple":false}})";
    auto hello = as_bytes(VersionBody{0, 0});
    append(hello, offer.c_str(), offer.size() + 1);
    if (auto answer = request(Command::version, hello); !answer) return answer.error();
    if (auto made = make_memory(); !made) return made;
    if (auto made = make_interrupts(); !made) return made;
    return reset_function();
}

Status ClientTransport::make_memory()
{
    memory_ = Descriptor(memfd_create("lightcard", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory_ || ftruncate(memory_.number(), static_cast<off_t>(kMemoryBytes)) != 0 ||
        fcntl(memory_.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return system_error("no shared memory");
    void* base = mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory_.number(), 0);
    if (base == MAP_FAILED) return system_error("shared memory cannot be mapped");
    base_ = static_cast<std::uint8_t*>(base);
    free_[0] = kMemoryBytes;
    const DmaMapBody map{sizeof(DmaMapBody), kMapRead | kMapWrite, 0, kBase, kMemoryBytes};
    if (auto mapped = request(Command::dma_map, as_bytes(map), {memory_.number()}); !mapped) return mapped.error();
    return {};
}

Status ClientTransport::make_interrupts()
{
    auto answer = request(Command::get_irq_info, as_bytes(IrqInfoBody{sizeof(IrqInfoBody), 0, kMsixIrq, 0}));
    if (!answer) return answer.error();
    IrqInfoBody info;
    if (answer->size() != sizeof info) return lost("GET_IRQ_INFO: answer of another length");
    std::memcpy(&info, answer->data(), sizeof info);
    if (info.count == 0 || info.count > 2048) return lost("the server offers no MSI-X vectors");
    for (std::uint32_t first = 0; first < info.count; first += kMaxFds) {
        std::vector<int> numbers;
        while (vectors_.size() < std::min(info.count, first + kMaxFds)) {
            vectors_.push_back({Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), 0});
            if (!vectors_.back().eventfd) return system_error("no eventfd");
            numbers.push_back(vectors_.back().eventfd.number());
        }
        const SetIrqsBody set{sizeof(SetIrqsBody), kDataEventfd | kActionTrigger, kMsixIrq, first,
                              static_cast<std::uint32_t>(numbers.size())};
        if (auto done = request(Command::set_irqs, as_bytes(set), numbers); !done) return done.error();
    }
    return {};
}

Status ClientTransport::reset_function()
{
    if (auto reset = request(Command::reset, {}); !reset) return reset.error();
    return enable_function();
}

Status ClientTransport::enable_function()
{
    if (auto on = write_region(kConfigRegion, kCommand, as_bytes(kCommandOn)); !on) return on;
    return write_region(kConfigRegion, kMsixControl, as_bytes(kMsixOn));
}

Error ClientTransport::lost(const std::string& why)
{
    if (failure_.empty()) failure_ = why.empty() ? "the server has closed the connection" : why;
    return {failure_, "vfio-user client", ""};
}

/// One request and its answer. There is no map without a file, so no DMA message of the server's is expected.
Result<Bytes> ClientTransport::request(Command command, const Bytes& body, const std::vector<int>& descriptors)
{
    if (!failure_.empty()) return lost(failure_);
    const auto id = ++next_id_;
    if (!connection_.send(make_message(id, command, kTypeCommand, body), descriptors)) return lost("");
    Message message;
    std::string why;
    switch (connection_.wait_for(message, why, kAnswerTime)) {
        case Connection::Got::ended:
            return lost(why);
        case Connection::Got::nothing:
            return lost("no answer from the server");
        case Connection::Got::message:
            break;
    }
    const auto& header = message.header;
    if (header.id != id || header.command != static_cast<std::uint16_t>(command) ||
        (header.flags & kTypeMask) != kTypeReply)
        return lost("the server answers something else");
    if ((header.flags & kError) == 0) return std::move(message.body);
    return Error{std::string("the server refuses: ") + std::strerror(static_cast<int>(header.error)),
                 "command " + std::to_string(header.command), ""};
}

Result<Bytes> ClientTransport::read_region(std::uint32_t region, std::uint64_t offset, std::uint32_t bytes)
{
    auto answer = request(Command::region_read, as_bytes(RegionAccessBody{offset, region, bytes}));
    if (!answer) return answer;
    if (answer->size() != sizeof(RegionAccessBody) + bytes) return lost("REGION_READ: answer of another length");
    return Bytes(answer->begin() + sizeof(RegionAccessBody), answer->end());
}

Status ClientTransport::write_region(std::uint32_t region, std::uint64_t offset, const Bytes& data)
{
    auto body = as_bytes(RegionAccessBody{offset, region, static_cast<std::uint32_t>(data.size())});
    append(body, data.data(), data.size());
    if (auto answer = request(Command::region_write, body); !answer) return answer.error();
    return {};
}

// --- Transport ---------------------------------------------------------------------------------------------------

std::uint32_t ClientTransport::read32(std::uint32_t offset)
{
    std::uint32_t value = 0xffff'ffff;
    if (const auto data = read_region(kBar0, offset, sizeof value)) std::memcpy(&value, data->data(), sizeof value);
    return value;
}

void ClientTransport::write32(std::uint32_t offset, std::uint32_t value)
{
    if (!failure_.empty()) return;
    auto body = as_bytes(RegionAccessBody{offset, kBar0, sizeof value});
    append(body, value);
    if (!connection_.send(make_message(++next_id_, Command::region_write, kTypeCommand | kNoReply, body))) lost("");
}

Result<driver::DmaBuffer> ClientTransport::allocate(std::size_t bytes)
{
    const auto pages = (std::max<std::uint64_t>(bytes, 1) + kPage - 1) / kPage * kPage;
    const auto room =
        std::find_if(free_.begin(), free_.end(), [pages](const auto& hole) { return hole.second >= pages; });
    if (bytes > kMemoryBytes || room == free_.end())
        return Error{"no room for " + std::to_string(bytes) + " bytes", "DMA memory", "64 GiB in all"};
    const auto [offset, size] = *room;
    free_.erase(room);
    if (size > pages) free_[offset + pages] = size - pages;
    used_[offset] = pages;
    return driver::DmaBuffer{base_ + offset, kBase + offset, bytes};
}

void ClientTransport::free(const driver::DmaBuffer& buffer)
{
    const auto found = used_.find(buffer.bus - kBase);
    if (found == used_.end()) return;
    auto [offset, size] = *found;
    used_.erase(found);
    // Pages go back to the system, and read as zeros when they are used again.
    if (fallocate(memory_.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(size)) != 0)
        std::memset(base_ + offset, 0, size);
    const auto next = free_.find(offset + size);
    if (next != free_.end()) {
        size += next->second;
        free_.erase(next);
    }
    const auto after = free_.upper_bound(offset);
    if (after != free_.begin() && std::prev(after)->first + std::prev(after)->second == offset) {
        std::prev(after)->second += size;
    } else {
        free_[offset] = size;
    }
}

std::uint64_t ClientTransport::interrupts(std::uint32_t vector)
{
    collect_interrupts();
    return vector < vectors_.size() ? vectors_[vector].count : 0;
}

bool ClientTransport::collect_interrupts()
{
    const auto before = seen_;
    for (auto& vector : vectors_) {
        std::uint64_t count = 0;
        if (::read(vector.eventfd.number(), &count, sizeof count) != sizeof count) continue;
        vector.count += count;
        seen_ += count;
    }
    return seen_ != before;
}

/// True if any came.
bool ClientTransport::sleep_on_interrupts(std::chrono::milliseconds wall)
{
    std::vector<pollfd> entries = {{connection_.number(), POLLRDHUP, 0}};
    for (const auto& vector : vectors_) entries.push_back({vector.eventfd.number(), POLLIN, 0});
    poll(entries.data(), entries.size(), static_cast<int>(wall.count()));
    if ((entries[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) lost("");
    return collect_interrupts();
}

/// A card whose time stands still while it has nothing to do (pace free) will never interrupt by itself.
bool ClientTransport::wait(Picoseconds timeout)
{
    if (!failure_.empty()) return false;
    if (collect_interrupts()) return true;
    const auto start = now();
    const auto deadline = add_time(start, std::max<Picoseconds>(timeout, 0));
    // A wait that is short in card time is short on the wall too.
    const auto wall = std::chrono::milliseconds(std::clamp<Picoseconds>(timeout / kMillisecond, 1, kGlance.count()));
    while (failure_.empty()) {
        if (sleep_on_interrupts(wall)) return true;
        const bool idle = (read32(LC_REG_CSTS) & LC_CSTS_BUSY) == 0;
        const auto time = now();
        if (time >= deadline) return true;
        if (idle && time - start < kMillisecond && wall >= kGlance) return collect_interrupts();
    }
    return false;
}

void ClientTransport::sleep(Picoseconds duration)
{
    const auto deadline = add_time(now(), std::max<Picoseconds>(duration, 0));
    for (Picoseconds time; failure_.empty() && (time = now()) < deadline;) {
        const timespec pause{
            0, static_cast<long>(std::min<Picoseconds>(deadline - time, 10 * kMillisecond) / kNanosecond)};
        nanosleep(&pause, nullptr);
    }
}

Picoseconds ClientTransport::now()
{
    const auto data = read_region(kBar0, LC_REG_TIME_NS, 8);
    std::uint64_t nanoseconds = 0;
    if (data) std::memcpy(&nanoseconds, data->data(), sizeof nanoseconds);
    return nanoseconds == ~0ull ? 0 : static_cast<Picoseconds>(nanoseconds) * kNanosecond;
}

}  // namespace lightcard::vfio_user
