// A strict double of the libxen* libraries: link fake_libxen.cpp into a test and the process's calls land
// here. Each call is checked as Xen and the kernel would (handle, domain, ranges, order); what is wrong is
// kept in `violations`, and a test fails unless that is empty.
#pragma once

#include "dm/core/types.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dm::test {

class FakeXen {
public:
    FakeXen();
    ~FakeXen();
    FakeXen(const FakeXen&) = delete;
    FakeXen& operator=(const FakeXen&) = delete;
    /// The one that calls land in.
    static FakeXen& current();

    // The world
    u16 domid = 5;
    bool hvm = true;
    unsigned vcpus = 2;
    bool devices_present = true; ///< /dev/xen/*
    bool gntdev_present = true;  ///< /dev/xen/gntdev
    bool refuse_populate = false;
    bool domain_gone = false;
    /// Gives the guest RAM at these frames.
    void add_ram(u64 first_gfn, u64 pages);
    void remove_ram(u64 gfn) { frames_.erase(gfn); }
    /// The guest's page, for looking and poking; null where there is none.
    u8* page(u64 gfn);
    /// Xen posts a request on a vCPU and raises its event; needs a started server.
    void post(unsigned vcpu, bool read, u8 type, u64 addr, u32 size, u64 data);
    /// Unmasking is a write of port numbers to the event channel device: takes those. True: one of the ports
    /// had an event meanwhile, which is raised now.
    bool take_unmasked();
    /// The answer is there: reads it and takes the slot back.
    std::optional<u64> take_answer(unsigned vcpu);

    // The guest's PV drivers, and the toolstack
    /// A port that a back end may bind, from kFirstGuestPort on.
    u32 new_guest_port();
    /// The guest notifies whoever bound its port.
    void notify_back_end(u32 guest_port);
    unsigned events_for_guest(u32 guest_port) { return guest_ports_.at(guest_port); }
    /// Grants a page to the back end's domain.
    u32 grant(u64 gfn, bool read_only = false);
    void revoke(u32 gref) { grants_.erase(gref); }
    /// Paths in xenstore: those below our home without it, "backend/qdisk/5/768/state".
    void store_write(const std::string& path, const std::string& value);
    void store_remove(const std::string& path);
    /// "-" where there is no such node.
    std::string node(const std::string& path) const;

    // What was done
    std::vector<std::string> violations;
    std::vector<std::string> calls; ///< in words, those that change something
    std::map<unsigned, int> isa_levels;
    std::map<unsigned, int> intx_levels;
    std::set<std::pair<u64, u64>> port_ranges;
    std::set<std::pair<u64, u64>> memory_ranges;
    std::set<u32> functions;
    std::map<std::string, std::string> store; ///< by path, as node() takes it
    std::vector<unsigned> shutdowns;
    bool server_created = false;
    bool server_enabled = false;
    int open_handles = 0;
    int foreign_mappings = 0; ///< live ones, in pages
    int resource_mappings = 0;
    int grant_mappings = 0; ///< live ones, in pages
    unsigned grant_copies = 0;
    bool grant_copy_known = true; ///< to the kernel
    bool relocation_fails = false;
    bool set_param_fails = false; ///< as with restricted handles
    unsigned watches = 0;         ///< in xenstore
    unsigned store_calls = 0;
    unsigned map_calls = 0;
    unsigned notifications = 0;
    std::function<void(unsigned vcpu)> on_notify; ///< the guest goes on
    std::vector<u64> dirty_vram;                  ///< gfns written by the guest since it was asked last

    // For the doubles in fake_libxen.cpp
    void expect(bool ok, const std::string& what) {
        if (!ok) violations.push_back(what);
    }
    void check_domain(u32 id, const char* call);
    std::map<u64, u64> frames_; ///< gfn -> page number in the backing file
    int backing_ = -1;
    u64 next_page_ = 0;
    u8* shared_ = nullptr; ///< both ioreq pages
    /// One open event channel device.
    struct Events {
        Events();
        ~Events();
        Events(const Events&) = delete;
        Events& operator=(const Events&) = delete;
        void raise(u32 local);
        int read_end = -1;
        int write_end = -1;
        std::map<u32, u32> bound; ///< local port -> remote port
        std::set<u32> masked;
        std::set<u32> latched; ///< raised while masked
    };
    static constexpr u32 kFirstGuestPort = 500;
    void raise_remote(u32 remote);
    std::vector<std::unique_ptr<Events>> event_devices_;
    u32 next_local_port_ = 1000;
    std::map<u32, unsigned> guest_ports_; ///< events that the guest got
    struct Grant {
        u64 gfn;
        bool read_only;
    };
    std::map<u32, Grant> grants_;
    u32 next_gref_ = 8;
    void fire_watches(const std::string& path, bool removed);
    std::map<void*, u64> grant_areas_; ///< mapped, with their pages
    std::optional<std::pair<u64, u64>> tracked_;
};

} // namespace dm::test
