// The least that an ioreq server can do: answers each access to one range of ports at once, with zero. What a
// device model's round trip costs beyond this is its own; tools/bench shows both side by side.
//
//   ioreq-limit DOMID PORT COUNT      prints "ready" when the guest may try; runs until killed
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include <sys/mman.h>

extern "C" {
#include <xen/xen.h>

#include <xen/hvm/dm_op.h>
#include <xen/hvm/ioreq.h>
#include <xen/memory.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
}

namespace {

constexpr std::size_t kPageSize = 4096;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

class Limit {
public:
    explicit Limit(domid_t domid) : domid_(domid) {
        model_ = xendevicemodel_open(nullptr, 0);
        memory_ = xenforeignmemory_open(nullptr, 0);
        channels_ = xenevtchn_open(nullptr, 0);
        if (model_ == nullptr || memory_ == nullptr || channels_ == nullptr) give_up("Xen's devices");
        if (xendevicemodel_create_ioreq_server(model_, domid_, 0, &id_) != 0) give_up("ioreq server");
        void* page = nullptr;
        constexpr unsigned long kFirstSlotPage = 1; // frame 0 would be the ring of buffered writes
        if (xenforeignmemory_map_resource(memory_, domid_, XENMEM_resource_ioreq_server, id_, kFirstSlotPage,
                                          1, &page, PROT_READ | PROT_WRITE, 0) == nullptr)
            give_up("request page");
        slots_ = static_cast<ioreq_t*>(page);
    }

    void answer(std::uint64_t first, std::uint64_t last) {
        if (xendevicemodel_map_io_range_to_ioreq_server(model_, domid_, id_, 0, first, last) != 0)
            give_up("ports");
        if (xendevicemodel_set_ioreq_server_state(model_, domid_, id_, 1) != 0) give_up("enabling");
        if (xendevicemodel_nr_vcpus(model_, domid_, &vcpus_) != 0) give_up("vCPUs");
        if (vcpus_ > kPageSize / sizeof(ioreq_t)) vcpus_ = kPageSize / sizeof(ioreq_t);
        for (unsigned vcpu = 0; vcpu < vcpus_; ++vcpu) {
            const int port = xenevtchn_bind_interdomain(channels_, domid_, slots_[vcpu].vp_eport);
            if (port < 0) give_up("event channel");
            ports_[vcpu] = static_cast<evtchn_port_t>(port);
        }
        std::puts("ready");
        static_cast<void>(std::fflush(stdout));
        const int fd = xenevtchn_fd(channels_);
        for (std::array<evtchn_port_t, 32> fired{};;) {
            const ssize_t got = ::read(fd, fired.data(), sizeof(fired));
            if (got <= 0 || ::write(fd, fired.data(), static_cast<std::size_t>(got)) != got) give_up("event");
            serve();
        }
    }

private:
    void serve() {
        for (unsigned vcpu = 0; vcpu < vcpus_; ++vcpu) {
            ioreq_t& slot = slots_[vcpu];
            if (slot.state != STATE_IOREQ_READY) continue;
            std::atomic_thread_fence(std::memory_order_acquire);
            slot.data = 0;
            std::atomic_thread_fence(std::memory_order_release);
            slot.state = STATE_IORESP_READY;
            xenevtchn_notify(channels_, ports_[vcpu]);
        }
    }

    domid_t domid_;
    ioservid_t id_ = 0;
    unsigned vcpus_ = 0;
    xendevicemodel_handle* model_ = nullptr;
    xenforeignmemory_handle* memory_ = nullptr;
    xenevtchn_handle* channels_ = nullptr;
    ioreq_t* slots_ = nullptr;
    std::array<evtchn_port_t, kPageSize / sizeof(ioreq_t)> ports_{};
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: ioreq-limit DOMID PORT COUNT\n", stderr);
        return 1;
    }
    const auto first = std::strtoull(argv[2], nullptr, 0);
    const auto count = std::strtoull(argv[3], nullptr, 0);
    if (count == 0 || first + count > 0x10000) {
        std::fputs("ioreq-limit: PORT and COUNT must name ports below 0x10000\n", stderr);
        return 1;
    }
    Limit(static_cast<domid_t>(std::strtoul(argv[1], nullptr, 0))).answer(first, first + count - 1);
}
