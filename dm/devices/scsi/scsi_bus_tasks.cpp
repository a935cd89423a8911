// SCSI bus: the commands that targets work on, connected or not.
#include "dm/core/check.hpp"
#include "dm/devices/scsi/scsi_bus.hpp"

#include <algorithm>
#include <cerrno>

namespace dm {

using scsi::Message;
using Kind = ScsiAction::Kind;

void ScsiBus::apply(u8 index, const ScsiAction& action) {
    Task& task = s_.tasks[index];
    switch (action.kind) {
    case Kind::Done:
        task.stage = Stage::Ready;
        task.status = action.status;
        task.sense = action.sense;
        task.order = ++s_.order;
        return;
    case Kind::Reply:
    case Kind::Parameters:
        task.stage = action.kind == Kind::Reply ? Stage::Reply : Stage::Parameters;
        s_.buffer_at = 0;
        s_.buffer_end = static_cast<u32>(action.length);
        return;
    case Kind::Read:
    case Kind::Write:
    case Kind::Verify:
    case Kind::Flush:
    case Kind::Discard:
    case Kind::Zero: break;
    }
    task.kind = action.kind;
    task.offset = action.offset;
    task.length = action.length;
    task.unmap = action.unmap;
    task.at = 0;
    task.error = 0;
    task.stage = moves_data(action.kind) ? Stage::Data : Stage::Working;
    if (task.stage == Stage::Working) begin_work(index);
}

/// A command whose data does not go over the bus, or its next piece.
void ScsiBus::begin_work(u8 index) {
    Task& task = s_.tasks[index];
    BlockBackend* medium = target_of(task).medium();
    if (medium == nullptr) {
        task.error = ENODEV;
        return progress(index);
    }
    auto transfer = new_transfer(index, *medium);
    if (task.kind == Kind::Verify)
        transfer->add_nowhere(std::min(task.length - task.at, ScsiTransfer::kMostScratch));
    else
        transfer->set_length(task.length, task.unmap);
    submit(std::move(transfer));
}

/// All that was submitted for a task is done.
void ScsiBus::progress(u8 index) {
    Task& task = s_.tasks[index];
    if (task.stage != Stage::Working) return; // the initiator has not named all of the memory yet
    if (task.kind == Kind::Verify && task.error == 0 && task.at < task.length) return begin_work(index);
    const ScsiAction next = target_of(task).finished(task.cdb, task.kind, std::exchange(task.error, 0));
    const bool possible = next.kind == Kind::Done || next.kind == Kind::Flush;
    apply(index, possible ? next : ScsiAction::check(scsi::kTargetFailure));
}

bool ScsiBus::in_flight(u8 index) const {
    return std::ranges::any_of(transfers_, [&](const auto& t) { return t->task() == index; });
}

bool ScsiBus::room() const {
    u64 bytes = 0;
    for (const auto& transfer : transfers_)
        bytes += transfer->bytes();
    return transfers_.size() < kMostTransfers && bytes < kMostInFlight;
}

/// ORDERED: after all that came before, before all that comes later.
bool ScsiBus::allowed(u8 index) const {
    const Task& task = s_.tasks[index];
    return std::ranges::none_of(s_.tasks, [&](const Task& other) {
        const bool before = other.target == task.target && other.order < task.order &&
                            (other.stage == Stage::Working || other.stage == Stage::Data);
        return before && (other.ordered || task.ordered);
    });
}

/// For the part of the medium that comes next.
std::unique_ptr<ScsiTransfer> ScsiBus::new_transfer(u8 index, BlockBackend& medium) {
    const Task& task = s_.tasks[index];
    ScsiTransfer::Client& client = *this;
    return std::make_unique<ScsiTransfer>(client, index, medium, medium_operation(task.kind),
                                          task.offset + task.at);
}

void ScsiBus::submit(std::unique_ptr<ScsiTransfer> transfer) {
    work_ += transfer->bytes();
    transfers_.push_back(std::move(transfer));
    start_allowed();
}

void ScsiBus::start_allowed(bool force) {
    for (std::size_t i = 0; i < transfers_.size(); ++i) // what is done in here stays until settle()
        if (!transfers_[i]->started() && (force || allowed(transfers_[i]->task()))) transfers_[i]->start();
}

OnError ScsiBus::transfer_failed(const ScsiTransfer& transfer, int error) {
    return target_of(s_.tasks[transfer.task()]).medium_failed(transfer.op(), error);
}

void ScsiBus::transfer_done(ScsiTransfer&) {
    if (calls_ > 0) return; // settle() follows
    { const Call call(*this); }
    initiator_.bus_changed();
}

/// Takes note of one transfer that is done; false when there is none.
bool ScsiBus::collect_one() {
    const auto place = std::ranges::find_if(transfers_, [](const auto& t) { return t->done(); });
    if (place == transfers_.end()) return false;
    const std::unique_ptr<ScsiTransfer> transfer = std::move(*place);
    transfers_.erase(place);
    const u8 index = transfer->task();
    Task& task = s_.tasks[index];
    if (task.error == 0) task.error = transfer->error();
    if (task.kind == Kind::Verify) task.at += transfer->bytes();
    if (!in_flight(index)) progress(index);
    return true;
}

void ScsiBus::settle() {
    while (collect_one())
        start_allowed();
    disconnect_if_idle();
}

/// The target has nothing to ask for until the medium is done.
void ScsiBus::disconnect_if_idle() {
    if (!s_.connected || s_.task == kNoTask || !s_.messages.empty()) return;
    const Task& task = current();
    if (task.stage != Stage::Working || !task.may_disconnect) return;
    if (task.moved) s_.messages.push(static_cast<u8>(Message::SAVE_DATA_POINTER));
    s_.messages.push(static_cast<u8>(Message::DISCONNECT));
    s_.task = kNoTask;
    s_.releases = true;
}

/// What was handed to a medium cannot be recalled: its memory stays mapped until the medium is done.
template <class Matches> void ScsiBus::drain(Matches matches) {
    for (;;) {
        const auto busy = std::ranges::find_if(
            transfers_, [&](const auto& t) { return t->in_flight() && matches(t->task()); });
        if (busy == transfers_.end()) return;
        ScsiTransfer& transfer = **busy;
        transfer.medium().drain();
        DM_CHECK(!transfer.in_flight());
    }
}

/// The commands that match exist no more.
template <class Matches> void ScsiBus::drop(Matches matches) {
    const Call call(*this);
    const auto dropped = [&](u8 index) {
        return s_.tasks[index].stage != Stage::Free && matches(s_.tasks[index]);
    };
    if (collecting_ != nullptr && dropped(collecting_->task())) collecting_.reset();
    drain(dropped);
    std::erase_if(transfers_, [&](const auto& t) { return dropped(t->task()); });
    std::array<bool, kMostTasks> gone{};
    for (u8 index = 0; index < kMostTasks; ++index)
        gone[index] = dropped(index);
    for (u8 index = 0; index < kMostTasks; ++index) {
        if (!gone[index]) continue;
        s_.tasks[index] = {};
        if (s_.task == index) s_.task = kNoTask;
    }
}

void ScsiBus::abort(Message message) {
    const u8 target = s_.target;
    const u8 lun = s_.lun;
    const u16 tag = s_.tag;
    drop([&](const Task& task) {
        if (task.target != target) return false;
        if (message == Message::TARGET_RESET) return true;
        return task.lun == lun && (message != Message::ABORT_TASK || task.tag == tag);
    });
    // What the connection was about goes with it, whatever the message named, unless it can reselect.
    if (s_.task != kNoTask && current().stage != Stage::Working && current().stage != Stage::Ready)
        drop([&](const Task& task) { return &task == &current(); });
    if (message == Message::TARGET_RESET) targets_[target]->reset(ScsiReset::Target);
    free_bus();
}

void ScsiBus::abandon() {
    drop([](const Task&) { return true; });
    free_bus();
}

void ScsiBus::reset() {
    abandon();
    for (const auto& target : targets_)
        if (target != nullptr) target->reset(ScsiReset::Bus);
}

void ScsiBus::power_on() {
    abandon();
    s_ = {};
    for (const auto& target : targets_)
        if (target != nullptr) target->reset(ScsiReset::PowerOn);
}

void ScsiBus::quiesce() {
    const Call call(*this);
    if (collecting_ != nullptr) submit(std::move(collecting_)); // the rest follows when the machine goes on
    while (!transfers_.empty()) {
        start_allowed();
        if (std::ranges::none_of(transfers_, [](const auto& t) { return t->in_flight() || t->done(); })) {
            if (std::ranges::any_of(transfers_, [](const auto& t) { return t->kept(); })) return;
            start_allowed(true);
        }
        drain([](u8) { return true; });
        settle();
    }
}

void ScsiBus::retry() {
    {
        const Call call(*this);
        for (std::size_t i = 0; i < transfers_.size(); ++i) // what is done in here stays until settle()
            if (transfers_[i]->kept()) transfers_[i]->retry();
    }
    initiator_.bus_changed();
}

int ScsiBus::unplug() {
    abandon();
    int error = 0;
    for (const auto& target : targets_)
        if (target != nullptr)
            if (const int failed = target->unplug(); failed != 0) error = failed;
    return error;
}

void ScsiBus::save(StateWriter& out) const {
    State saved = s_;
    for (const auto& transfer : transfers_) {
        Task& task = saved.tasks[transfer->task()];
        if (task.stage == Stage::Data) task.error = ECANCELED; // told at the end of the phase
        if (task.stage != Stage::Working) continue;
        task.stage = Stage::Ready;
        task.status = scsi::Status::CheckCondition;
        task.sense = scsi::kCommandAborted;
        task.order = ++saved.order;
    }
    out.section(name_, saved);
    for (std::size_t id = 0; id < targets_.size(); ++id)
        if (targets_[id] != nullptr) targets_[id]->save(out, fmt::format("{}/{}", name_, id));
}

Status ScsiBus::load(StateReader& in, bool unplugged) {
    loaded_targets_ = 0;
    for (unsigned id = 0; id < targets_.size(); ++id) {
        const std::string place = fmt::format("{}/{}", name_, id);
        if (targets_[id] == nullptr && unplugged) // and perhaps detached since
            for (const std::string_view part : {"", "/disk", "/cdrom"})
                in.has(place + std::string(part));
        if (targets_[id] == nullptr || !in.has(place)) continue;
        DM_TRY(targets_[id]->load(in, place));
        loaded_targets_ |= 1U << id;
    }
    return load_section(in, name_, loaded_, [this](const State& state) { return valid(state); });
}

void ScsiBus::commit() {
    abandon();
    s_ = loaded_;
    for (unsigned id = 0; id < targets_.size(); ++id) {
        if (targets_[id] == nullptr) continue;
        if ((loaded_targets_ >> id & 1) != 0) {
            targets_[id]->commit();
            continue;
        }
        log_.info("{} was attached since the machine began: the guest does not see it", id);
        targets_[id].reset();
    }
}

Status ScsiBus::valid(const State& state) const {
    if (state.connected && !was_saved(state.target))
        return fail("saved state: {}: connected to a target that there is not", name_);
    if (state.lun > scsi::kIdentifyLun || state.tag > scsi::kUntagged ||
        state.buffer_end > state.buffer.size() || state.buffer_at > state.buffer_end)
        return fail("saved state: {}: a value that no bus has", name_);
    if (!state.connected &&
        (state.task != kNoTask || state.wants_message || state.releases || !state.messages.empty()))
        return fail("saved state: {}: a free bus with a connection", name_);
    if (state.task != kNoTask &&
        (state.task >= kMostTasks || state.tasks[state.task].target != state.target ||
         state.tasks[state.task].stage == Stage::Free))
        return fail("saved state: {}: a connection about no command", name_);
    for (u8 index = 0; index < kMostTasks; ++index)
        if (state.tasks[index].stage != Stage::Free) DM_TRY(valid(state, index));
    return {};
}

Status ScsiBus::valid(const State& state, u8 index) const {
    constexpr u64 kMost = u64{1} << 62;
    const Task& task = state.tasks[index];
    const bool known = task.stage <= Stage::Ready && task.kind <= Kind::Zero &&
                       task.lun <= scsi::kIdentifyLun && task.tag <= scsi::kUntagged &&
                       was_saved(task.target);
    if (!known || task.offset > kMost || task.length > kMost || task.at > task.length)
        return fail("saved state: {}: command {} is none", name_, index);
    const bool transfers = task.stage == Stage::Data;
    if (transfers && (!moves_data(task.kind) || task.at == task.length))
        return fail("saved state: {}: command {} moves nothing", name_, index);
    // Nothing is in flight when a machine is saved, and only a connected command is in a data phase.
    const bool buffered = task.stage == Stage::Reply || task.stage == Stage::Parameters;
    if (task.stage == Stage::Working || ((buffered || transfers) && state.task != index) ||
        (buffered && state.buffer_at == state.buffer_end))
        return fail("saved state: {}: command {} is in a state that is never saved", name_, index);
    return {};
}

} // namespace dm
