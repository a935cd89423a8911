// A strict double of the libxen* libraries: link fake_libxen.cpp into a test and the process's calls land
// here. Each call is checked as Xen and the kernel would (handle, domain, ranges, order); what is wrong is
// kept in `violations`, and a test fails unless that is empty.
#pragma once

#include "dm/core/types.hpp"

#include <functional>
#include <map>
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

    // What was done
    std::vector<std::string> violations;
    std::vector<std::string> calls; ///< in words, those that change something
    std::map<unsigned, int> isa_levels;
    std::map<unsigned, int> intx_levels;
    std::set<std::pair<u64, u64>> port_ranges;
    std::set<std::pair<u64, u64>> memory_ranges;
    std::set<u32> functions;
    std::map<std::string, std::string> store;
    std::vector<unsigned> shutdowns;
    bool server_created = false;
    bool server_enabled = false;
    int open_handles = 0;
    int foreign_mappings = 0; ///< live ones, in pages
    int resource_mappings = 0;
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
    int event_read_ = -1;
    int event_write_ = -1;
    std::map<u32, u32> bound_; ///< local port -> remote port
    void raise_event(u32 local);
    std::set<u32> masked_;
    std::set<u32> latched_; ///< raised while masked
    std::optional<std::pair<u64, u64>> tracked_;
};

} // namespace dm::test
