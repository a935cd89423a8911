// Packet commands about the drive.
#include "dm/devices/ide/mmc_builder.hpp"

namespace dm::mmc {
namespace {

constexpr u16 kProfileCd = 0x0008;
constexpr u16 kProfileDvd = 0x0010;

Answer vital_product_data(u8 page, const Drive& drive) {
    constexpr u8 kPages = 0x00;
    constexpr u8 kSerial = 0x80;
    constexpr u8 kIdentification = 0x83;
    constexpr u32 kSerialWidth = 20;
    Builder b;
    switch (page) {
    case kPages: return b.u8s({0x05, kPages, 0, 3, kPages, kSerial, kIdentification}).take();
    case kSerial: return b.u8s({0x05, kSerial, 0, kSerialWidth}).text(drive.serial, kSerialWidth).take();
    case kIdentification:
        b.u8s({0x05, kIdentification, 0, 4 + kSerialWidth});
        b.u8s({0x02, 0x00, 0, kSerialWidth}); // ASCII, vendor specific
        return b.text(drive.serial, kSerialWidth).take();
    }
    return refuse(kInvalidField);
}

struct Features {
    Builder b;
    u32 first;  ///< lowest feature number asked for
    u8 request; ///< RT field: 0 all, 1 current ones, 2 just `first`

    bool wanted(u16 number, bool current) const {
        if (number < first || (request == 1 && !current)) return false;
        return request != 2 || number == first;
    }
    void add(u16 number, u8 version, bool persistent, bool current, std::initializer_list<u8> data) {
        if (!wanted(number, current)) return;
        const unsigned flags = u32{version} << 2 | (persistent ? 2U : 0U) | (current ? 1U : 0U);
        b.be(number, 2).u8s({static_cast<u8>(flags), static_cast<u8>(data.size())}).u8s(data);
    }
    void add_serial(std::string_view serial) {
        constexpr u16 kNumber = 0x108;
        constexpr u8 kWidth = 20; // a multiple of 4
        if (wanted(kNumber, true)) b.be(kNumber, 2).u8s({0x03, kWidth}).text(serial, kWidth);
    }
};

void add_mode_page(Builder& b, u8 page, const Drive& drive) {
    switch (page) {
    case 0x01: b.u8s({0x01, 6, 0, 5, 0, 0, 0, 0}); break; // error recovery: 5 retries
    case 0x0e: b.u8s({0x0e, 14}).zeros(14); break;        // audio control: silent
    case 0x2a:
        b.u8s({0x2a, 20, 0x3b, 0x00}); // reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM; writes nothing
        b.u8s({0x71, 0x60});           // mode 2, audio claimed: some Linux automounters look for it
        b.u8s({static_cast<u8>(0x29 | (drive.tray_locked ? 0x02 : 0)), 0}); // tray, eject, lock
        b.be(kSpeed, 2).be(2, 2).be(512, 2).be(kSpeed, 2).zeros(6);         // KiB/s, levels, KiB, KiB/s
        break;
    }
}

} // namespace

Answer request_sense(const Sense& sense) {
    Builder b;
    b.u8s({0xf0, 0, sense.key, 0, 0, 0, 0, 10, 0, 0, 0, 0, sense.asc, sense.ascq}).zeros(4);
    return b.take();
}

Answer inquiry(const Cdb& cdb, const Drive& drive) {
    const bool vital = (cdb[1] & 0x01) != 0;
    if (vital) return vital_product_data(cdb[2], drive);
    if (cdb[2] != 0) return refuse(kInvalidField);
    Builder b;
    b.u8s({0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0}); // CD-ROM, removable, ATAPI
    return b.text("HVMDM", 8).text(drive.model, 16).text(drive.firmware, 4).take();
}

Answer get_configuration(const Cdb& cdb, const Drive& drive) {
    Features f{.b = {}, .first = be16(cdb, 2), .request = static_cast<u8>(cdb[1] & 0x03)};
    if (f.request == 3) return refuse(kInvalidField);
    const bool dvd = is_dvd(drive);
    const bool cd = drive.sectors > 0 && !dvd;
    const bool any = drive.sectors > 0;
    f.b.be(0, 6).be(dvd ? kProfileDvd : cd ? kProfileCd : 0, 2);
    f.add(0x00, 0, true, true, {0, kProfileDvd, u8{dvd}, 0, 0, kProfileCd, u8{cd}, 0}); // profile list
    f.add(0x01, 2, true, true, {0, 0, 0, 2, 1, 0, 0, 0});                               // core: ATAPI
    f.add(0x03, 2, true, true, {0x29, 0, 0, 0});                         // removable: tray, eject, lock
    f.add(0x10, 0, false, any, {0, 0, kSectorSize >> 8, 0, 0, 1, 1, 0}); // random readable
    f.add(0x1d, 0, false, cd, {});                                       // multi-read
    f.add(0x1e, 2, false, cd, {0, 0, 0, 0});                             // CD read
    f.add(0x1f, 0, false, dvd, {});                                      // DVD read
    f.add(0x100, 0, true, true, {});                                     // power management
    f.add_serial(drive.serial);
    return f.b.finish(4, 4);
}

Answer event_status(const Cdb& cdb, const Drive& drive, MediaEvent event) {
    constexpr u8 kMediaClass = 4;
    const bool polled = (cdb[1] & 0x01) != 0;
    if (!polled) return refuse(kInvalidField); // asynchronous notification needs overlapped commands
    if ((cdb[4] & (1U << kMediaClass)) == 0) return Builder().u8s({0, 2, 0x80, 1U << kMediaClass}).take();
    const bool present = drive.sectors > 0 && !drive.tray_open;
    const unsigned status = (drive.tray_open ? 1U : 0U) | (present ? 2U : 0U);
    return Builder()
        .u8s({0, 6, kMediaClass, 1U << kMediaClass, static_cast<u8>(event), static_cast<u8>(status), 0, 0})
        .take();
}

Answer mode_sense(const Cdb& cdb, const Drive& drive) {
    enum class Control : u8 { Current, Changeable, Default, Saved };
    const auto control = static_cast<Control>(cdb[2] >> 6);
    const u8 page = cdb[2] & 0x3f;
    if (control == Control::Saved) return refuse(kSavingUnsupported);
    Builder b;
    const u8 medium = drive.sectors > 0 ? 0x01 : drive.tray_open ? 0x71 : 0x70; // 120 mm data, or no disc
    b.be(0, 2).u8s({medium, 0, 0, 0, 0, 0});
    for (const u8 known : std::initializer_list<u8>{0x01, 0x0e, 0x2a})
        if (page == known || page == 0x3f) {
            const u32 start = b.length();
            add_mode_page(b, known, drive);
            // Nothing can be changed: the mask is all zeros after the page's own header.
            for (u32 i = start + 2; control == Control::Changeable && i < b.length(); ++i)
                b.at(i) = 0;
        }
    if (b.length() == 8) return refuse(kInvalidField);
    return b.finish(2, 2);
}

Answer mechanism_status(const Drive& drive) {
    const u8 door = drive.tray_open ? 0x10 : 0x00;
    return Builder().u8s({0, door, 0, 0, 0, 1, 0, 0}).take();
}

u32 allocation_length(const Cdb& cdb) {
    switch (static_cast<Opcode>(cdb[0])) {
    case Opcode::REQUEST_SENSE: return cdb[4];
    case Opcode::INQUIRY: return be16(cdb, 3);
    case Opcode::READ_CAPACITY: return 8;
    case Opcode::READ_TOC:
    case Opcode::GET_CONFIGURATION:
    case Opcode::GET_EVENT_STATUS_NOTIFICATION:
    case Opcode::READ_DISC_INFORMATION:
    case Opcode::READ_TRACK_INFORMATION:
    case Opcode::READ_SUBCHANNEL:
    case Opcode::MODE_SENSE_10: return be16(cdb, 7);
    case Opcode::READ_DVD_STRUCTURE:
    case Opcode::MECHANISM_STATUS: return be16(cdb, 8);
    case Opcode::GET_PERFORMANCE:
        return kPerformanceHeader + std::min(be16(cdb, 8), 1U) * kPerformanceDescriptor;
    case Opcode::TEST_UNIT_READY:
    case Opcode::START_STOP_UNIT:
    case Opcode::PREVENT_ALLOW_MEDIUM_REMOVAL:
    case Opcode::READ_10:
    case Opcode::SEEK_10:
    case Opcode::READ_12:
    case Opcode::SET_CD_SPEED:
    case Opcode::PLAY_AUDIO_10:
    case Opcode::PLAY_AUDIO_MSF:
    case Opcode::PAUSE_RESUME:
    case Opcode::STOP_PLAY_SCAN:
    case Opcode::READ_CD_MSF:
    case Opcode::READ_CD: return 0;
    }
    return 0;
}

} // namespace dm::mmc
