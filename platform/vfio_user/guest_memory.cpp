// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/guest_memory.h"

#include <algorithm>

namespace lightcard::vfio_user {

std::variant<std::shared_ptr<SharedFile>, Refusal> GuestMemory::share(Descriptor file)
{
    const auto key = SharedFile::identify(file.number());
    if (const auto* refusal = std::get_if<Refusal>(&key)) return *refusal;
    auto& known = files_[std::get<SharedFile::Key>(key)];
    if (auto shared = known.lock()) return shared;
    auto opened = SharedFile::open(std::move(file));
    if (const auto* shared = std::get_if<std::shared_ptr<SharedFile>>(&opened)) known = *shared;
    return opened;
}

bool GuestMemory::overlaps(std::uint64_t first, std::uint64_t last) const
{
    const auto next = maps_.upper_bound(last);
    if (next == maps_.begin()) return false;
    const auto& [begin, map] = *std::prev(next);
    return begin + (map.size - 1) >= first;
}

std::optional<Refusal> GuestMemory::map(const DmaMapRequest& request, Descriptor descriptor)
{
    const std::lock_guard<std::mutex> lock(mutex_);
    if (maps_.size() >= kMaxMaps) return Refusal{ENOSPC, "DMA_MAP: too many maps"};
    if (overlaps(request.iova, request.iova + (request.size - 1)))
        return Refusal{EEXIST, "DMA_MAP: overlaps another map"};
    Map map{request.size, request.offset, request.readable, request.writable, nullptr};
    if (descriptor) {
        auto file = share(std::move(descriptor));
        if (const auto* refusal = std::get_if<Refusal>(&file)) return *refusal;
        map.file = std::get<std::shared_ptr<SharedFile>>(file);
        const auto bytes = map.file->size();
        if (request.offset > bytes || request.size > bytes - request.offset)
            return Refusal{EINVAL, "DMA_MAP: reaches beyond its file"};
        if (request.writable && !map.file->writable()) return Refusal{EACCES, "DMA_MAP: writable, but its file is not"};
    }
    maps_.emplace(request.iova, std::move(map));
    return std::nullopt;
}

/// Clients unmap in other pieces than they map, and ranges that hold nothing; only half a map cannot go.
std::optional<Refusal> GuestMemory::unmap(const DmaUnmapRequest& request)
{
    if (request.all) {
        clear();
        return std::nullopt;
    }
    Ended ended;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto first = request.iova, last = request.iova + (request.size - 1);
        const auto begin = maps_.lower_bound(first), end = maps_.upper_bound(last);
        // Last address of the map before an iterator, or 0.
        const auto end_of = [this](auto after) {
            return after == maps_.begin() ? 0 : std::prev(after)->first + (std::prev(after)->second.size - 1);
        };
        const bool cuts_first = begin != maps_.begin() && end_of(begin) >= first;
        if (cuts_first || (end != maps_.begin() && end_of(end) > last))
            return Refusal{EINVAL, "DMA_UNMAP: cuts a map in two"};
        maps_.erase(begin, end);
        ended = end_messages(EFAULT, [&](const Message& message) {
            return message.address <= last && message.address + (message.bytes - 1) >= first;
        });
    }
    call(ended);
    return std::nullopt;
}

void GuestMemory::clear()
{
    Ended ended;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        maps_.clear();
        files_.clear();
        ended = end_messages(EFAULT, [](const Message&) { return true; });
        outbound_.clear();
    }
    call(ended);
}

void GuestMemory::cancel_messages()
{
    Ended ended;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        ended = end_messages(ECANCELED, [](const Message&) { return true; });
        outbound_.clear();
    }
    call(ended);
}

void GuestMemory::set_max_transfer(std::uint32_t bytes)
{
    const std::lock_guard<std::mutex> lock(mutex_);
    max_transfer_ = bytes;
}

std::size_t GuestMemory::maps() const
{
    const std::lock_guard<std::mutex> lock(mutex_);
    return maps_.size();
}

// --- kernel thread ---------------------------------------------------------------------------------------------

GuestMemory::Step GuestMemory::transfer(bool to_guest, std::uint64_t address, std::uint8_t* data, std::size_t bytes,
                                        const Done& done)
{
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto next = maps_.upper_bound(address);
    if (next == maps_.begin() || bytes == 0) return {};
    const auto& [begin, map] = *std::prev(next);
    const auto at = address - begin;
    if (at >= map.size || !(to_guest ? map.writable : map.readable)) return {};
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, map.size - at));
    if (map.file) {
        const bool well =
            to_guest ? map.file->write(map.offset + at, data, part) : map.file->read(map.offset + at, data, part);
        return well ? Step{Outcome::done, part} : Step{};
    }
    const auto sent = std::min<std::size_t>(part, max_transfer_);
    send(to_guest, address, data, sent, done);
    return {Outcome::message, sent};
}

void GuestMemory::send(bool write, std::uint64_t address, const std::uint8_t* data, std::size_t bytes, const Done& done)
{
    while (under_way_.count(next_id_) != 0) ++next_id_;
    const auto id = next_id_++;
    Bytes body;
    append(body, DmaAccessBody{address, bytes});
    if (write) append(body, data, bytes);
    outbound_.push_back(make_message(id, write ? Command::dma_write : Command::dma_read, kTypeCommand, body));
    under_way_[id] = {write, address, bytes, Clock::now() + kAnswerTime, done};
    if (wake_) wake_();
}

// --- messages --------------------------------------------------------------------------------------------------

std::vector<Bytes> GuestMemory::take_messages()
{
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(outbound_, {});
}

bool GuestMemory::answer(DmaReply reply)
{
    Message message;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = under_way_.find(reply.id);
        if (found == under_way_.end() || found->second.write != reply.write) return false;
        message = std::move(found->second);
        under_way_.erase(found);
    }
    if (reply.error == 0 && !reply.write && reply.data.size() != message.bytes) reply.error = EIO;
    message.done(reply.error, std::move(reply.data));
    return true;
}

std::optional<GuestMemory::Clock::time_point> GuestMemory::expire(Clock::time_point now)
{
    Ended ended;
    std::optional<Clock::time_point> next;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        ended = end_messages(ETIMEDOUT, [now](const Message& message) { return message.deadline <= now; });
        for (const auto& [id, message] : under_way_) next = std::min(next.value_or(message.deadline), message.deadline);
    }
    call(ended);
    return next;
}

template <class Chosen>
GuestMemory::Ended GuestMemory::end_messages(int error, Chosen chosen)
{
    Ended ended;
    for (auto it = under_way_.begin(); it != under_way_.end();) {
        if (chosen(it->second)) {
            ended.emplace_back(std::move(it->second.done), error);
            it = under_way_.erase(it);
        } else {
            ++it;
        }
    }
    return ended;
}

/// Outside the lock: whoever waited may start the next transfer at once.
void GuestMemory::call(const Ended& ended)
{
    for (const auto& [done, error] : ended) done(error, {});
}

}  // namespace lightcard::vfio_user
