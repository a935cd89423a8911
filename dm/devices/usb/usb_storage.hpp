// USB disk: a SCSI target behind the Bulk-Only Transport (Universal Serial Bus Mass Storage Class,
// Bulk-Only Transport 1.0).  Notes: docs/devices/usb_storage.md
//
// One command at a time, as the transport has it. The medium works while the host hears NAK, in pieces of
// kChunk bytes; what is in flight is finished before the machine stops.
#pragma once

#include "dm/devices/scsi/scsi_target.hpp"
#include "dm/devices/usb/usb_device.hpp"

#include <algorithm>
#include <memory>
#include <sys/uio.h>

namespace dm {

class UsbStorage final : public UsbDevice {
public:
    static constexpr std::size_t kChunk = 8192;
    static constexpr u16 kFullPacket = 64;
    static constexpr u16 kHighPacket = 512;
    static_assert(kChunk % kHighPacket == 0);
    static constexpr unsigned kIn = 1;  ///< endpoint 81
    static constexpr unsigned kOut = 2; ///< endpoint 02

    enum class Stage : u8 {
        Command, ///< a command block wrapper comes
        DataIn,
        DataOut,
        Working, ///< the medium works, and there is no data
        Csw,     ///< the status wrapper goes
        Broken,  ///< nothing but a reset helps (5.3.1, 6.6.1)
    };
    /// bCSWStatus.
    enum class Result : u8 { Passed = 0, Failed = 1, PhaseError = 2 };

    struct State {
        Stage stage = Stage::Command;
        u32 tag = 0;
        u32 expected = 0; ///< bytes, by the host
        u32 moved = 0;    ///< of them over the bus
        bool to_host = false;
        Result result = Result::Passed;
        scsi::Cdb cdb{};
        ScsiAction::Kind kind = ScsiAction::Kind::Done;
        u64 offset = 0; ///< on the medium
        u64 length = 0; ///< bytes, by the target
        bool unmap = false;
        u64 done = 0; ///< bytes that the medium has moved
        u32 chunk_at = 0;
        u32 chunk_end = 0;
        std::array<u8, kChunk> chunk{};

        static constexpr void fields(auto&& v, auto& s) {
            v("stage", s.stage);
            v("tag", s.tag);
            v("expected", s.expected);
            v("moved", s.moved);
            v("to_host", s.to_host);
            v("result", s.result);
            v("cdb", s.cdb);
            v("kind", s.kind);
            v("offset", s.offset);
            v("length", s.length);
            v("unmap", s.unmap);
            v("done", s.done);
            v("chunk_at", s.chunk_at);
            v("chunk_end", s.chunk_end);
            v("chunk", s.chunk);
        }
    };

    UsbStorage(std::string_view name, std::string serial, std::unique_ptr<ScsiTarget> target);
    ~UsbStorage() override { cancel(); }

    void quiesce() override;
    void reset() override;
    void save(StateWriter& out) const override;
    Status prepare(StateReader& in) override;
    void commit() override;

private:
    std::optional<std::size_t> control_in(const usb::Setup& setup, std::span<u8> reply) override;
    bool control_out(const usb::Setup& setup, std::span<const u8> data) override;
    usb::Answer data_in(unsigned endpoint, std::span<u8> bytes) override;
    usb::Answer data_out(unsigned endpoint, std::span<const u8> bytes) override;
    void deconfigured() override;
    void halt_cleared(unsigned endpoint, bool in) override;

    usb::Answer command(std::span<const u8> bytes);
    usb::Answer data_from_target(std::span<u8> bytes);
    usb::Answer data_to_target(std::span<const u8> bytes);
    usb::Answer status(std::span<u8> bytes);
    void break_down();
    void apply(const ScsiAction& action);
    void begin_data(Stage stage);
    void end_data();
    std::size_t packet_size() const { return speed() == usb::Speed::High ? kHighPacket : kFullPacket; }
    u64 wanted() const { return std::min<u64>(s_.length, s_.expected); }

    // usb_storage_medium.cpp
    void request();
    void submit();
    void medium_done(int error);
    void progress(int error);
    void cancel();

    Status check(const State& state) const;

    std::unique_ptr<ScsiTarget> target_;
    State s_;
    State loaded_;
    // In flight only.
    BlockIo io_;
    iovec piece_{};
    bool in_flight_ = false;
    bool dropped_ = false;    ///< nobody waits for what is in flight
    bool submitting_ = false; ///< completions before submit() returns make no recursion
    bool again_ = false;
};
static_assert(covers_every_field<UsbStorage::State>);

} // namespace dm
