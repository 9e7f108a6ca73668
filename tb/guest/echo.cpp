// SPDX-License-Identifier: Apache-2.0
// A vfio-user device that does nothing: a page of memory behind BAR0, answered by blocking reads and writes in one
// thread, with no look at anything. What its registers cost a guest is what QEMU and the socket cost; the card is
// measured against it. It trusts its client.
//
//   guest-echo PATH
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "lightcard/platform/vfio_user/message.h"

namespace {

using namespace lightcard::vfio_user;

constexpr std::uint64_t kBarBytes = 65536, kConfigBytes = 4096;

class Echo {
public:
    explicit Echo(int socket) : socket_(socket)
    {
        const std::uint32_t words[] = {0xeeee1d9b, 0x00100000, 0x12000000};  // ids, capability list, class 0x1200
        std::memcpy(config_, words, sizeof words);
        config_[0x34] = 0x40;  // one capability: PCI Express endpoint
        const std::uint8_t express[] = {0x10, 0x00, 0x02, 0x00};
        std::memcpy(config_ + 0x40, express, sizeof express);
    }

    void run()
    {
        std::uint8_t body[1 << 17];
        Header header{};
        while (take(&header, sizeof header)) {
            const std::size_t size = header.size - sizeof header;
            if (size > sizeof body || !take(body, size)) return;
            answer(header, body, size);
        }
    }

private:
    bool take(void* into, std::size_t bytes)
    {
        // Descriptors of maps come along and are closed by the kernel: no room is offered for them.
        return bytes == 0 || recv(socket_, into, bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes);
    }

    std::uint8_t* memory(const RegionAccessBody& access)
    {
        return access.region == kConfigRegion ? config_ + access.offset % kConfigBytes
                                              : bar_ + access.offset % kBarBytes;
    }

    void answer(const Header& header, std::uint8_t* body, std::size_t size)
    {
        RegionAccessBody access{};
        if (size >= sizeof access) std::memcpy(&access, body, sizeof access);
        switch (static_cast<Command>(header.command)) {
            case Command::region_read:
                return reply(header, body, sizeof access, memory(access), access.count);
            case Command::region_write:
                // BAR addresses are the client's own affair; what it writes elsewhere in configuration is kept.
                if (access.region != kConfigRegion ||
                    (access.offset != 0 && (access.offset < 0x10 || access.offset > 0x27)))
                    std::memcpy(memory(access), body + sizeof access, access.count);
                if ((header.flags & kNoReply) == 0) reply(header, body, sizeof access);
                return;
            case Command::version: {
                const std::string text = R"({"capabilities":{"max_msg_fds":8}})";
                return reply(header, body, sizeof(VersionBody), text.c_str(), text.size() + 1);
            }
            case Command::get_info: {
                const DeviceInfoBody info{sizeof info, kDevicePci | kDeviceReset, kRegions, kIrqs};
                return reply(header, &info, sizeof info);
            }
            case Command::get_region_info: {
                RegionInfoBody info;
                std::memcpy(&info, body, sizeof info);
                info.size = info.index == kBar0 ? kBarBytes : info.index == kConfigRegion ? kConfigBytes : 0;
                info.flags = info.size != 0 ? kRegionRead | kRegionWrite : 0;
                info.offset = info.cap_offset = 0;
                return reply(header, &info, sizeof info);
            }
            case Command::get_irq_info: {
                IrqInfoBody info;
                std::memcpy(&info, body, sizeof info);
                info.count = info.flags = 0;
                return reply(header, &info, sizeof info);
            }
            case Command::dma_unmap:
                return reply(header, body, size);
            default:
                if ((header.flags & kNoReply) == 0) reply(header, nullptr, 0);
        }
    }

    void reply(const Header& header, const void* first, std::size_t first_bytes, const void* second = nullptr,
               std::size_t second_bytes = 0)
    {
        Header out{header.id, header.command, static_cast<std::uint32_t>(sizeof out + first_bytes + second_bytes),
                   kTypeReply, 0};
        std::uint8_t bytes[8192];
        std::memcpy(bytes, &out, sizeof out);
        if (first_bytes != 0) std::memcpy(bytes + sizeof out, first, first_bytes);
        if (second_bytes != 0) std::memcpy(bytes + sizeof out + first_bytes, second, second_bytes);
        if (send(socket_, bytes, out.size, MSG_NOSIGNAL) < 0) std::perror("guest-echo");
    }

    int socket_;
    std::uint8_t config_[kConfigBytes] = {}, bar_[kBarBytes] = {};
};

}  // namespace

int main(int count, char** words)
{
    if (count != 2) return std::fprintf(stderr, "guest-echo PATH\n"), 2;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (std::strlen(words[1]) >= sizeof address.sun_path) return std::fprintf(stderr, "guest-echo: path too long\n"), 2;
    std::strcpy(address.sun_path, words[1]);
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener, 1) != 0)
        return std::perror("guest-echo"), 1;
    std::printf("listens on %s\n", words[1]);
    std::fflush(stdout);
    const int client = accept(listener, nullptr, nullptr);
    Echo(client).run();
    return 0;
}
