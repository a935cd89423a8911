#include "dm/board/replay_board.hpp"

#include "dm/core/check.hpp"
#include "dm/core/version.hpp"

namespace dm {
namespace {

constexpr Port kPrimaryData = 0x1f0;
constexpr Port kSecondaryData = 0x170;
constexpr u64 kMebibyte = 1 << 20;
constexpr std::string_view kStd = "std";
constexpr std::string_view kCirrus = "cirrus";

} // namespace

Result<std::unique_ptr<Board>> make_replay_board(const replay::MachineShape& shape, replay::Player& player) {
    BoardParts parts;
    parts.cpus = shape.cpus;
    parts.max_cpus = shape.max_cpus;
    parts.ram_below_4g = shape.ram_below_4g;
    parts.ram_above_4g = shape.ram_above_4g;
    parts.boot_order = shape.boot_order;
    parts.xen_platform = shape.xen_platform;
    parts.pci_hot_plug = false;
    for (unsigned port = 0; port < kSerialPorts; ++port)
        if (shape.serials[port]) parts.serials[port] = player.serial(port);
    for (const replay::DiskShape& disk : shape.disks) {
        if (!disk.cdrom && !disk.medium) return fail("the recorded machine has a disk without medium");
        DriveConfig& drive = parts.ide.drives[disk.place].emplace();
        drive.kind = disk.cdrom ? DriveKind::Cdrom : DriveKind::Disk;
        drive.medium = player.disk(disk);
        drive.serial = disk.serial;
        drive.model = disk.model;
        drive.firmware = disk.firmware;
    }
    if (shape.vga) {
        const bool cirrus = shape.vga->model == kCirrus;
        if (!cirrus && shape.vga->model != kStd)
            return fail("the recorded machine has the graphics adapter \"{}\", which there is not",
                        shape.vga->model);
        if (shape.vga->memory !=
            (cirrus ? CirrusVga::kMemory : StdVga::memory_size(shape.vga->memory / kMebibyte)))
            return fail("the recorded machine has {} bytes of video memory, which no adapter has",
                        shape.vga->memory);
        BoardParts::Vga& vga = parts.vga.emplace();
        vga.model = cirrus ? BoardParts::Vga::Model::Cirrus : BoardParts::Vga::Model::Std;
        DM_TRY_ASSIGN(vga.memory, player.make_video_memory(shape.vga->memory));
        vga.rom = shape.vga->rom;
        if (shape.vga->slot) vga.slot = static_cast<u8>(*shape.vga->slot);
    }
    return Board::create(player.timers(), player, std::move(parts));
}

Status exchange_board(std::unique_ptr<Board>& board, const replay::MachineShape& shape,
                      replay::Player& player) {
    const auto saved = [&board] {
        StateWriter out;
        board->save(out);
        return std::move(out).take();
    };
    const std::vector<u8> image = saved();
    board.reset();
    Result<std::unique_ptr<Board>> made = make_replay_board(shape, player);
    DM_CHECK(made.ok()); // as it was the first time
    board = std::move(made).value();
    DM_TRY_ASSIGN(StateReader reader, StateReader::open(image));
    DM_TRY(board->load(reader));
    if (saved() != image) return fail("the restored machine would save another state");
    return {};
}

replay::MachineShape shape_of(const BoardParts& parts) {
    replay::MachineShape shape;
    shape.program = kVersion;
    shape.cpus = parts.cpus;
    shape.max_cpus = parts.max_cpus;
    shape.ram_below_4g = parts.ram_below_4g;
    shape.ram_above_4g = parts.ram_above_4g;
    shape.boot_order = parts.boot_order;
    shape.xen_platform = parts.xen_platform;
    for (unsigned port = 0; port < kSerialPorts; ++port)
        shape.serials[port] = parts.serials[port] != nullptr;
    for (unsigned place = 0; place < parts.ide.drives.size(); ++place) {
        const std::optional<DriveConfig>& drive = parts.ide.drives[place];
        if (!drive) continue;
        const BlockBackend* medium = drive->medium;
        shape.disks.push_back({.place = place,
                               .cdrom = drive->kind == DriveKind::Cdrom,
                               .medium = medium != nullptr,
                               .read_only = medium != nullptr && medium->read_only(),
                               .size = medium != nullptr ? medium->size_bytes() : 0,
                               .discard_granularity = medium != nullptr ? medium->discard_granularity() : 0,
                               .serial = drive->serial,
                               .model = drive->model,
                               .firmware = drive->firmware});
    }
    if (parts.vga)
        shape.vga = {.model =
                         std::string(parts.vga->model == BoardParts::Vga::Model::Cirrus ? kCirrus : kStd),
                     .memory = parts.vga->memory->bytes().size(),
                     .slot = parts.vga->slot ? std::optional<unsigned>(*parts.vga->slot) : std::nullopt,
                     .rom = parts.vga->rom};
    return shape;
}

void put_under_record(BoardParts& parts, replay::Recorder& recorder) {
    parts.pci_hot_plug = false;
    recorder.set_shape(shape_of(parts));
    for (unsigned port = 0; port < kSerialPorts; ++port)
        parts.serials[port] = recorder.serial(port, parts.serials[port]);
    for (unsigned place = 0; place < parts.ide.drives.size(); ++place)
        if (auto& drive = parts.ide.drives[place]) drive->medium = recorder.disk(place, drive->medium);
}

std::vector<Port> medium_ports() {
    return {kPrimaryData, kSecondaryData};
}

} // namespace dm
