// A parallel SCSI bus with its targets, as its one initiator sees them (SPI-3, T10 1302D; SAM-3): selection,
// phases, messages, the commands that targets work on, reselection.
//
// A target takes the whole of a transfer's memory during its data phase, as fast as the initiator names it,
// and frees the bus before the medium has moved anything: so many commands are at work at once, each straight
// between medium and guest pages. Status comes when all of it is done, which is when initiators may look.
//
// Differs from hardware: selection leads to MESSAGE OUT with or without ATN (SeaBIOS selects without and
// sends IDENTIFY); the bus is free as soon as the last byte of a message that ends the connection was read,
// whatever ACK does (SeaBIOS never clears it); SDTR, WDTR and PPR are not answered, which means asynchronous
// and narrow. Notes: docs/devices/scsi_disk.md
#pragma once

#include "dm/core/log.hpp"
#include "dm/devices/scsi/scsi_target.hpp"
#include "dm/devices/scsi/scsi_transfer.hpp"

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace dm {

class ScsiBus final : private ScsiTransfer::Client {
public:
    static constexpr unsigned kMostTasks = 64; ///< more: TASK SET FULL
    static constexpr u8 kNoTask = 0xff;
    static constexpr std::size_t kMostTransfers = 128;
    static constexpr u64 kMostInFlight = u64{64} << 20; ///< bytes of guest memory mapped for media

    enum class Stage : u8 {
        Free,
        Reply,      ///< connected: the buffer goes to the initiator
        Parameters, ///< connected: the buffer is being filled
        Data,       ///< connected: the initiator names memory
        Working,    ///< the medium works
        Ready,      ///< status can be told
    };
    struct Task {
        Stage stage = Stage::Free;
        u8 target = 0;
        u8 lun = 0;
        u16 tag = scsi::kUntagged;
        bool may_disconnect = false;
        bool ordered = false; ///< waits for what came before, and what comes later waits for it
        bool moved = false;   ///< had a data phase
        scsi::Cdb cdb{};
        ScsiAction::Kind kind = ScsiAction::Kind::Done;
        u64 offset = 0; ///< on the medium
        u64 length = 0;
        u64 at = 0; ///< bytes that the initiator has named memory for, or that were verified
        bool unmap = false;
        s32 error = 0; ///< errno value of the first transfer that failed
        scsi::Status status = scsi::Status::Good;
        scsi::Sense sense{};
        u64 order = 0;

        bool operator==(const Task&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("stage", s.stage);
            v("target", s.target);
            v("lun", s.lun);
            v("tag", s.tag);
            v("may_disconnect", s.may_disconnect);
            v("ordered", s.ordered);
            v("moved", s.moved);
            v("cdb", s.cdb);
            v("kind", s.kind);
            v("offset", s.offset);
            v("length", s.length);
            v("at", s.at);
            v("unmap", s.unmap);
            v("error", s.error);
            v("status", s.status);
            v("sense", s.sense);
            v("order", s.order);
        }
    };
    struct State {
        bool connected = false;
        u8 target = 0;
        u8 lun = 0;
        u16 tag = scsi::kUntagged;
        bool may_disconnect = false;
        bool ordered = false;
        u8 task = kNoTask;          ///< that the connection is about
        bool wants_message = false; ///< the target goes to MESSAGE OUT
        bool releases = false;      ///< the bus is free after the last message
        Fifo<u8, 8> messages;       ///< to the initiator
        u32 buffer_at = 0;
        u32 buffer_end = 0;
        u64 order = 0;
        std::array<u8, ScsiTarget::kBufferSize> buffer{};
        std::array<Task, kMostTasks> tasks{};

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("connected", s.connected);
            v("target", s.target);
            v("lun", s.lun);
            v("tag", s.tag);
            v("may_disconnect", s.may_disconnect);
            v("ordered", s.ordered);
            v("task", s.task);
            v("wants_message", s.wants_message);
            v("releases", s.releases);
            v("messages", s.messages);
            v("buffer_at", s.buffer_at);
            v("buffer_end", s.buffer_end);
            v("order", s.order);
            v("buffer", s.buffer);
            v("tasks", s.tasks);
        }
    };

    class Initiator {
    public:
        virtual ~Initiator() = default;
        /// A phase began, or a target wants to reselect, while no function of the bus was being called.
        virtual void bus_changed() = 0;
    };

    ScsiBus(std::string_view name, GuestMemory& memory, Initiator& initiator)
        : name_(name), log_(name), memory_(memory), initiator_(initiator) {}
    ~ScsiBus() override { abandon(); }
    ScsiBus(const ScsiBus&) = delete;
    ScsiBus& operator=(const ScsiBus&) = delete;

    const std::string& name() const { return name_; }
    /// Before the bus is used. `id` below kIds, and free.
    void attach(u8 id, std::unique_ptr<ScsiTarget> target) { targets_[id] = std::move(target); }

    // scsi_bus.cpp: the connection

    bool connected() const { return s_.connected; }
    /// What the target asks for; nothing while it makes the initiator wait, or nobody is connected.
    std::optional<scsi::Phase> phase() const;
    /// False: nobody is there. The bus must be free.
    bool select(u8 id);
    /// ATN: the target takes a message next.
    void attention();
    void message_out(std::span<const u8> bytes);
    /// Returns how many bytes there were.
    std::size_t message_in(std::span<u8> bytes);
    /// What lies on the data lines in MESSAGE IN.
    u8 next_message() const { return s_.messages.front(); }
    void command(std::span<const u8> bytes);
    u8 status();

    // In a data phase:
    u64 data_left() const;
    /// True: data_region(). False: data_in(), data_out(). Never more than data_left().
    bool direct() const;
    void data_in(std::span<u8> bytes);
    void data_out(std::span<const u8> bytes);
    void data_region(ScsiRegion region);

    bool wants_reselection() const { return !s_.connected && ready_task() != kNoTask; }
    /// The ID of the target that took the bus.
    std::optional<u8> reselect();

    // scsi_bus_tasks.cpp: the commands at work

    /// Bytes that media were given to move since the last call.
    u64 take_work() { return std::exchange(work_, 0); }

    /// RST: everybody forgets everything.
    void reset();
    /// The initiator is gone: no command of its exists any more.
    void abandon();
    void power_on();
    /// Waits until nothing is in flight. bus_changed() is not called.
    void quiesce();
    /// What the host failed and the policy kept is given to the media again.
    void retry();
    /// Flushes all media and lets go of them for good. The error is a flush's.
    int unplug();

    /// A command with a kept request is saved as aborted: its memory is known to nobody else, and the
    /// initiator sends it again.
    void save(StateWriter& out) const;
    /// Reads and judges without taking over; commit() does that. Targets that the saved machine did not have
    /// are gone then. `unplugged`: so were all of that machine's.
    Status load(StateReader& in, bool unplugged);
    void commit();

private:
    /// While it lives, completions wait; at its end they are seen to.
    class Call {
    public:
        explicit Call(ScsiBus& bus) : bus_(bus) { ++bus_.calls_; }
        ~Call() {
            if (bus_.calls_ == 1) bus_.settle();
            --bus_.calls_;
        }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;

    private:
        ScsiBus& bus_;
    };

    Task& current() { return s_.tasks[s_.task]; }
    ScsiTarget& target_of(const Task& task) { return *targets_[task.target]; }

    std::size_t message(std::span<const u8> bytes);
    void tagged(u8 tag, bool ordered);
    void free_bus();
    u8 new_task(std::span<const u8> command);
    u8 ready_task() const;
    bool overlaps() const;

    void apply(u8 index, const ScsiAction& action);
    void begin_work(u8 index);
    void progress(u8 index);
    OnError transfer_failed(const ScsiTransfer& transfer, int error) override;
    void transfer_done(ScsiTransfer& transfer) override;
    std::unique_ptr<ScsiTransfer> new_transfer(u8 index, BlockBackend& medium);
    void submit(std::unique_ptr<ScsiTransfer> transfer);
    void start_allowed(bool force = false);
    bool allowed(u8 index) const;
    bool in_flight(u8 index) const;
    bool room() const;
    void settle();
    bool collect_one();
    void disconnect_if_idle();
    template <class Matches> void drain(Matches matches);
    template <class Matches> void drop(Matches matches);
    void abort(scsi::Message message);
    bool was_saved(u8 id) const { return id < scsi::kIds && (loaded_targets_ >> id & 1) != 0; }
    Status valid(const State& state) const;
    Status valid(const State& state, u8 index) const;

    std::string name_;
    Log log_;
    GuestMemory& memory_;
    Initiator& initiator_;
    std::array<std::unique_ptr<ScsiTarget>, scsi::kIds> targets_;
    State s_;
    // In flight only.
    std::vector<std::unique_ptr<ScsiTransfer>> transfers_; ///< in the order of submission
    std::unique_ptr<ScsiTransfer> collecting_;             ///< of the connected task
    unsigned calls_ = 0;
    u64 work_ = 0;
    // Between load() and commit().
    State loaded_;
    u32 loaded_targets_ = 0; ///< a bit for each; the others the saved machine did not have
};
static_assert(covers_every_field<ScsiBus::Task>);
static_assert(covers_every_field<ScsiBus::State>);

} // namespace dm
