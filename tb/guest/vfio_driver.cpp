// SPDX-License-Identifier: Apache-2.0
// A driver in user space behind the guest's stock vfio-pci: the user-mode driver of platform/driver over a Transport of
// VFIO calls. Copies to the card and back, and says PASS. Runs in the guest, as root, behind a virtual IOMMU.
//
//   guest-vfio 0000:01:00.0
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "lightcard/platform/driver/driver.h"

namespace {

using namespace lightcard;

constexpr std::uint64_t kIova = 0x10000000, kArena = 2u << 20;
constexpr std::uint32_t kBarBytes = 0x10000, kVectors = 2;

Error failed(const char* what)
{
    return {std::string(what) + ": " + std::strerror(errno), "vfio", ""};
}

class VfioTransport : public driver::Transport {
public:
    static Result<std::unique_ptr<VfioTransport>> open(const std::string& address)
    {
        std::unique_ptr<VfioTransport> transport(new VfioTransport);
        if (auto good = transport->attach(address); !good) return good.error();
        if (auto good = transport->map(); !good) return good.error();
        if (auto good = transport->interrupts_on(); !good) return good.error();
        return transport;
    }

    std::uint32_t read32(std::uint32_t offset) override
    {
        std::uint32_t value = 0xffff'ffff;
        if (pread(device_, &value, 4, static_cast<off_t>(bar_ + offset)) != 4) value = 0xffff'ffff;
        return value;
    }
    void write32(std::uint32_t offset, std::uint32_t value) override
    {
        if (pwrite(device_, &value, 4, static_cast<off_t>(bar_ + offset)) != 4) std::perror("register write");
    }
    Result<driver::DmaBuffer> allocate(std::size_t bytes) override
    {
        const auto pages = (bytes + 4095) / 4096 * 4096;
        if (used_ + pages > kArena) return Error{"the arena is full", "", ""};
        const driver::DmaBuffer buffer{arena_ + used_, kIova + used_, bytes};
        used_ += pages;
        return buffer;
    }
    void free(const driver::DmaBuffer&) override {}  // one short program: the arena goes with it
    std::uint32_t interrupt_vectors() const override { return kVectors; }
    std::uint64_t interrupts(std::uint32_t vector) override
    {
        collect();
        return counts_[vector];
    }
    bool wait(Picoseconds timeout) override
    {
        pollfd entries[kVectors];
        for (std::uint32_t i = 0; i < kVectors; ++i) entries[i] = {events_[i], POLLIN, 0};
        poll(entries, kVectors, static_cast<int>(timeout / kMillisecond > 1000 ? 1000 : timeout / kMillisecond + 1));
        collect();
        return true;
    }
    void sleep(Picoseconds duration) override { usleep(static_cast<useconds_t>(duration / kMicrosecond + 1)); }
    Picoseconds now() override
    {
        timespec time{};
        clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * kSecond + time.tv_nsec * kNanosecond;
    }
    std::uint64_t seen() const { return counts_[0] + counts_[1]; }

private:
    Status attach(const std::string& address)
    {
        char target[256] = {};
        const auto link = "/sys/bus/pci/devices/" + address + "/iommu_group";
        if (readlink(link.c_str(), target, sizeof target - 1) < 0) return failed("no IOMMU group");
        container_ = ::open("/dev/vfio/vfio", O_RDWR);
        group_ = ::open((std::string("/dev/vfio/") + (std::strrchr(target, '/') + 1)).c_str(), O_RDWR);
        if (container_ < 0 || group_ < 0) return failed("container or group");
        if (ioctl(group_, VFIO_GROUP_SET_CONTAINER, &container_) != 0) return failed("VFIO_GROUP_SET_CONTAINER");
        if (ioctl(container_, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0) return failed("VFIO_SET_IOMMU");
        device_ = ioctl(group_, VFIO_GROUP_GET_DEVICE_FD, address.c_str());
        if (device_ < 0) return failed("VFIO_GROUP_GET_DEVICE_FD");
        if (ioctl(device_, VFIO_DEVICE_RESET) != 0) return failed("VFIO_DEVICE_RESET");
        return {};
    }

    Status map()
    {
        vfio_region_info bar{};
        bar.argsz = sizeof bar;
        bar.index = VFIO_PCI_BAR0_REGION_INDEX;
        if (ioctl(device_, VFIO_DEVICE_GET_REGION_INFO, &bar) != 0 || bar.size < kBarBytes) return failed("BAR0");
        bar_ = bar.offset;
        vfio_region_info config{};
        config.argsz = sizeof config;
        config.index = VFIO_PCI_CONFIG_REGION_INDEX;
        if (ioctl(device_, VFIO_DEVICE_GET_REGION_INFO, &config) != 0) return failed("configuration");
        std::uint16_t command = 0;
        if (pread(device_, &command, 2, static_cast<off_t>(config.offset + 4)) != 2) return failed("command");
        command |= 0x6;  // memory space, bus master
        if (pwrite(device_, &command, 2, static_cast<off_t>(config.offset + 4)) != 2) return failed("command");
        void* memory = mmap(nullptr, kArena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED) return failed("memory");
        arena_ = static_cast<std::uint8_t*>(memory);
        vfio_iommu_type1_dma_map dma{};
        dma.argsz = sizeof dma;
        dma.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
        dma.vaddr = reinterpret_cast<std::uintptr_t>(memory);
        dma.iova = kIova;
        dma.size = kArena;
        if (ioctl(container_, VFIO_IOMMU_MAP_DMA, &dma) != 0) return failed("VFIO_IOMMU_MAP_DMA");
        return {};
    }

    Status interrupts_on()
    {
        std::vector<std::uint8_t> bytes(sizeof(vfio_irq_set) + sizeof events_);
        auto* set = reinterpret_cast<vfio_irq_set*>(bytes.data());
        set->argsz = static_cast<std::uint32_t>(bytes.size());
        set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
        set->index = VFIO_PCI_MSIX_IRQ_INDEX;
        set->count = kVectors;
        for (auto& event : events_) event = eventfd(0, EFD_NONBLOCK);
        std::memcpy(set->data, events_, sizeof events_);
        if (ioctl(device_, VFIO_DEVICE_SET_IRQS, set) != 0) return failed("VFIO_DEVICE_SET_IRQS");
        return {};
    }

    void collect()
    {
        for (std::uint32_t i = 0; i < kVectors; ++i)
            if (std::uint64_t count = 0; read(events_[i], &count, sizeof count) == sizeof count) counts_[i] += count;
    }

    int container_ = -1, group_ = -1, device_ = -1, events_[kVectors] = {};
    std::uint64_t bar_ = 0, used_ = 0, counts_[kVectors] = {};
    std::uint8_t* arena_ = nullptr;
};

Status copy_there_and_back(driver::Driver& driver)
{
    constexpr std::uint32_t kBytes = 64 << 10;
    auto out = driver::DmaMemory::allocate(driver.memory(), kBytes),
         back = driver::DmaMemory::allocate(driver.memory(), kBytes);
    if (!out || !back) return Error{"no memory", "", ""};
    for (std::uint32_t i = 0; i < kBytes; ++i) out->host()[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
    for (const auto& copy : {driver::make_copy(driver::dram_pointer(0), driver::host_pointer(out->bus()), kBytes),
                             driver::make_copy(driver::host_pointer(back->bus()), driver::dram_pointer(0), kBytes)})
        if (auto done = driver.queue(0).run(copy); !done) return done.error();
    if (std::memcmp(out->host(), back->host(), kBytes) != 0) return Error{"what came back differs", "COPY", ""};
    // A page that the IOMMU does not map: the command fails, and nothing else.
    auto lost =
        driver.queue(0).run(driver::make_copy(driver::host_pointer(kIova + kArena), driver::dram_pointer(0), 4096));
    if (lost) return Error{"a page that is not mapped was written", "COPY", ""};
    std::printf("unmapped page: %s\n", lost.error().message().c_str());
    return {};
}

Status drive(const std::string& address)
{
    auto transport = VfioTransport::open(address);
    if (!transport) return transport.error();
    auto driver = driver::Driver::bring_up(**transport);
    if (!driver) return driver.error();
    if (auto good = copy_there_and_back(**driver); !good) return good;
    if (auto good = (*driver)->shutdown(); !good) return good;
    if ((*transport)->seen() == 0) return Error{"no interrupt came", "MSI-X", ""};
    return {};
}

}  // namespace

int main(int count, char** words)
{
    if (count != 2) return std::fprintf(stderr, "guest-vfio ADDRESS\n"), 2;
    const auto done = drive(words[1]);
    std::printf("%s\n", done ? "PASS" : ("FAIL: " + done.error().message()).c_str());
    return done ? 0 : 1;
}
