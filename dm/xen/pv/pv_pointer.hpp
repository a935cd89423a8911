// One PV keyboard and pointer ("vkbd") of the guest: its pointer only, on which a viewer's places are places.
// Keys come by the emulated keyboards, in every phase of a guest's life; a second way would give it each key
// in another order, or twice. Facts: Xen's public/io/kbdif.h; Linux' drivers/input/misc/xen-kbdfront.c.
// Notes: docs/pv_pointer.md
//
// Missing: multi-touch, which no viewer has. The toolstack is told so where it asks for it.
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/xen/pv/pointer_queue.hpp"
#include "dm/xen/pv/pv_device.hpp"

namespace dm::xen {

/// What a PV pointer is part of. All of it outlives the pointer.
struct PointerPlace {
    GuestMemory& memory;   ///< for drivers that grant nothing
    InputTargets& targets; ///< who has events for it
    bool offered = true;   ///< false: the driver is answered, so that nobody waits, and finds neither device
    bool restored = false; ///< the guest was not told of this process by its nodes, but had another before
};

class PvPointer final : public PvDevice, public InputTarget {
public:
    static constexpr u32 kMost = 0x7fff; ///< the largest coordinate, unless the toolstack names another

    PvPointer(PvWorld& world, const PointerPlace& place, std::string backend, std::function<void()> over);
    ~PvPointer() override;

    void pause() override { queue_.pause(); }
    void resume() override { queue_.resume(); }

    // InputTarget
    Kind kind() const override { return Kind::Pointer; }
    Rank rank() const override { return Rank::Paravirtual; }
    bool in_use() const override { return in_use_; }
    void key(KeyCode, bool) override {}
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override {
        queue_.pointer(x, y, width, height, buttons);
    }
    void motion(s32 dx, s32 dy, u8 buttons) override { queue_.motion(dx, dy, buttons); }
    void release_all() override { queue_.release_all(); }
    void forget_place() override { queue_.forget_place(); }
    InputStatus status() const override { return {.leds = 0, .absolute = in_use_ && absolute_}; }
    void observe(InputObserver* observer) override { observer_ = observer; }

private:
    bool open() override;
    void release() override {}
    Status attach() override;
    void detach() override;
    void settled() override;

    bool toolstack_wants(std::string_view key) const { return toolstack_says(key).value_or("0") != "0"; }
    bool driver_wants(std::string_view key) const { return driver_number<u32>(key).value_or(0) != 0; }
    u32 announce_most(std::string_view key);
    Result<std::span<u8>> map_page();
    PointerQueue::Mode mode() const;
    void notify();

    PointerPlace place_;
    bool offered_ = false;
    u32 width_ = kMost; ///< largest coordinates
    u32 height_ = kMost;

    GrantMapping granted_; ///< one of these holds the page
    Pin pinned_;
    GuestPhys pinned_at_ = 0;
    std::optional<u32> port_;
    PointerQueue queue_;
    bool resumes_; ///< the driver may be one that connects again after a restore
    bool in_use_ = false;
    bool absolute_ = false;
    InputObserver* observer_ = nullptr;
};

} // namespace dm::xen
