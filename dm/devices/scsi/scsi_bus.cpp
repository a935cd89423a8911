// SCSI bus: the connection between the initiator and one target.
#include "dm/devices/scsi/scsi_bus.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dm {

using scsi::Message;
using scsi::Phase;

std::optional<Phase> ScsiBus::phase() const {
    if (!s_.connected) return std::nullopt;
    if (s_.wants_message) return Phase::MessageOut;
    if (!s_.messages.empty()) return Phase::MessageIn;
    if (s_.task == kNoTask) return Phase::Command;
    const Task& task = s_.tasks[s_.task];
    switch (task.stage) {
    case Stage::Reply: return Phase::DataIn;
    case Stage::Parameters: return Phase::DataOut;
    case Stage::Data:
        if (!room()) return std::nullopt;
        return task.kind == ScsiAction::Kind::Read ? Phase::DataIn : Phase::DataOut;
    case Stage::Ready: return Phase::Status;
    case Stage::Free:
    case Stage::Working: break;
    }
    return std::nullopt;
}

bool ScsiBus::select(u8 id) {
    if (s_.connected || id >= scsi::kIds || targets_[id] == nullptr || !targets_[id]->attached())
        return false;
    s_.connected = true;
    s_.target = id;
    s_.lun = 0;
    s_.tag = scsi::kUntagged;
    s_.may_disconnect = false;
    s_.ordered = false;
    s_.task = kNoTask;
    s_.wants_message = true;
    return true;
}

void ScsiBus::attention() {
    if (s_.connected) s_.wants_message = true;
}

void ScsiBus::message_out(std::span<const u8> bytes) {
    const Call call(*this);
    s_.wants_message = false;
    while (!bytes.empty() && s_.connected) {
        const std::size_t used = message(bytes);
        if (used == 0) {
            log_.guest("message {:#04x} is rejected", bytes[0]);
            s_.messages.push(static_cast<u8>(Message::MESSAGE_REJECT));
            return;
        }
        bytes = bytes.subspan(used);
    }
}

/// How many bytes the first message took; 0: it makes no sense.
std::size_t ScsiBus::message(std::span<const u8> bytes) {
    const u8 code = bytes[0];
    if ((code & static_cast<u8>(Message::IDENTIFY)) != 0) {
        s_.lun = code & scsi::kIdentifyLun;
        s_.may_disconnect = (code & scsi::kIdentifyDisconnect) != 0;
        return 1;
    }
    switch (static_cast<Message>(code)) {
    case Message::INITIATOR_DETECTED_ERROR:
    case Message::MESSAGE_REJECT:
    case Message::NO_OPERATION:
    case Message::MESSAGE_PARITY_ERROR: return 1;
    case Message::EXTENDED: {
        const std::size_t length = bytes.size() < 2 ? 0 : bytes[1] == 0 ? 256U : bytes[1];
        return length == 0 || length > bytes.size() - 2 ? 0 : 2 + length;
    }
    case Message::SIMPLE_TAG:
    case Message::HEAD_OF_QUEUE_TAG:
    case Message::ORDERED_TAG:
        if (bytes.size() < 2) return 0;
        s_.tag = bytes[1];
        s_.ordered = static_cast<Message>(code) == Message::ORDERED_TAG;
        return 2;
    case Message::ABORT_TASK_SET:
    case Message::CLEAR_TASK_SET:
    case Message::TARGET_RESET:
    case Message::ABORT_TASK: abort(static_cast<Message>(code)); return 1;
    case Message::COMMAND_COMPLETE:
    case Message::SAVE_DATA_POINTER:
    case Message::DISCONNECT:
    case Message::IDENTIFY: break;
    }
    return 0;
}

std::size_t ScsiBus::message_in(std::span<u8> bytes) {
    std::size_t count = 0;
    while (count < bytes.size() && !s_.messages.empty())
        bytes[count++] = s_.messages.pop();
    if (s_.messages.empty() && s_.releases) free_bus();
    return count;
}

void ScsiBus::free_bus() {
    s_.connected = false;
    s_.task = kNoTask;
    s_.wants_message = false;
    s_.releases = false;
    s_.messages.clear();
}

/// Another command with the same name is still at work.
bool ScsiBus::overlaps() const {
    return std::ranges::any_of(s_.tasks, [&](const Task& task) {
        return task.stage != Stage::Free && task.target == s_.target && task.lun == s_.lun &&
               task.tag == s_.tag;
    });
}

/// A free place; kNoTask when there is none.
u8 ScsiBus::new_task(std::span<const u8> command) {
    const auto place = std::ranges::find(s_.tasks, Stage::Free, &Task::stage);
    if (place == s_.tasks.end()) return kNoTask;
    *place = Task{.stage = Stage::Working,
                  .target = s_.target,
                  .lun = s_.lun,
                  .tag = s_.tag,
                  .may_disconnect = s_.may_disconnect,
                  .ordered = s_.ordered,
                  .order = ++s_.order};
    std::copy_n(command.begin(), std::min(command.size(), place->cdb.size()), place->cdb.begin());
    return static_cast<u8>(place - s_.tasks.begin());
}

void ScsiBus::command(std::span<const u8> bytes) {
    const Call call(*this);
    const bool overlapping = overlaps();
    const bool last_place = std::ranges::count(s_.tasks, Stage::Free, &Task::stage) <= 1;
    s_.task = new_task(bytes);
    if (s_.task == kNoTask) return free_bus(); // only from a made-up saved state
    Task& task = current();
    if (overlapping) return apply(s_.task, ScsiAction::check(scsi::kOverlapped));
    // The last place stays for a command that is told so.
    if (last_place) return apply(s_.task, {.status = scsi::Status::TaskSetFull});
    apply(s_.task, target_of(task).start(task.cdb, task.lun, s_.buffer));
}

u8 ScsiBus::status() {
    const Call call(*this);
    Task& task = current();
    const u8 status = static_cast<u8>(task.status);
    if (task.status == scsi::Status::CheckCondition) target_of(task).keep_sense(task.sense);
    task = {};
    s_.task = kNoTask;
    s_.messages.push(static_cast<u8>(Message::COMMAND_COMPLETE));
    s_.releases = true;
    return status;
}

u64 ScsiBus::data_left() const {
    if (!s_.connected || s_.task == kNoTask) return 0;
    const Task& task = s_.tasks[s_.task];
    return task.stage == Stage::Data ? task.length - task.at : s_.buffer_end - s_.buffer_at;
}

bool ScsiBus::direct() const {
    return s_.task != kNoTask && s_.tasks[s_.task].stage == Stage::Data;
}

void ScsiBus::data_in(std::span<u8> bytes) {
    const Call call(*this);
    std::copy_n(s_.buffer.begin() + s_.buffer_at, bytes.size(), bytes.begin());
    s_.buffer_at += static_cast<u32>(bytes.size());
    if (s_.buffer_at == s_.buffer_end) apply(s_.task, ScsiAction::good());
}

void ScsiBus::data_out(std::span<const u8> bytes) {
    const Call call(*this);
    std::ranges::copy(bytes, s_.buffer.begin() + s_.buffer_at);
    s_.buffer_at += static_cast<u32>(bytes.size());
    if (s_.buffer_at < s_.buffer_end) return;
    const Task& task = current();
    apply(s_.task, target_of(task).parameters(task.cdb, std::span(s_.buffer).first(s_.buffer_end)));
}

/// After an error the rest of the data goes nowhere.
void ScsiBus::data_region(ScsiRegion region) {
    const Call call(*this);
    Task& task = current();
    BlockBackend* medium = target_of(task).medium();
    if (medium == nullptr && task.error == 0) task.error = ENODEV;
    const auto direction =
        task.kind == ScsiAction::Kind::Read ? DmaDirection::ToGuest : DmaDirection::FromGuest;
    while (region.length > 0 && task.error == 0) {
        if (collecting_ == nullptr) collecting_ = new_transfer(s_.task, *medium);
        const u32 before = region.length;
        const bool fits = collecting_->add(memory_, region, direction);
        task.at += before - region.length;
        if (!fits) submit(std::move(collecting_));
    }
    task.at += region.length; // after an error
    task.moved = true;
    if (task.at < task.length) return;
    if (collecting_ != nullptr) submit(std::move(collecting_));
    task.stage = Stage::Working;
    if (!in_flight(s_.task)) progress(s_.task);
}

/// A target does not overwrite sense data that somebody may still ask for.
u8 ScsiBus::ready_task() const {
    u8 found = kNoTask;
    for (u8 index = 0; index < kMostTasks; ++index) {
        const Task& task = s_.tasks[index];
        if (task.stage != Stage::Ready) continue;
        if (task.status == scsi::Status::CheckCondition && targets_[task.target]->keeps_sense()) continue;
        if (found == kNoTask || task.order < s_.tasks[found].order) found = index;
    }
    return found;
}

std::optional<u8> ScsiBus::reselect() {
    if (s_.connected) return std::nullopt;
    const u8 index = ready_task();
    if (index == kNoTask) return std::nullopt;
    const Task& task = s_.tasks[index];
    s_.connected = true;
    s_.target = task.target;
    s_.lun = task.lun;
    s_.tag = task.tag;
    s_.task = index;
    s_.messages.push(static_cast<u8>(static_cast<u8>(Message::IDENTIFY) | task.lun));
    if (task.tag != scsi::kUntagged) {
        s_.messages.push(static_cast<u8>(Message::SIMPLE_TAG));
        s_.messages.push(static_cast<u8>(task.tag));
    }
    return task.target;
}

} // namespace dm
