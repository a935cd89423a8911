#include "dm/devices/ide/mmc.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>

namespace dm::mmc {
namespace {

constexpr u32 kPregap = 150;    // frames before LBA 0, in every MSF address
constexpr u8 kDataTrack = 0x14; // ADR 1, CONTROL 4
constexpr u8 kLeadOut = 0xaa;
constexpr u16 kProfileCd = 0x0008;
constexpr u16 kProfileDvd = 0x0010;
constexpr u32 kDvdFirstSector = 0x30000; // physical number of LBA 0

/// Appends to an answer, big-endian.
class Builder {
public:
    Builder& u8s(std::initializer_list<u8> bytes) {
        for (const u8 b : bytes)
            answer_.bytes[answer_.length++] = b;
        return *this;
    }
    Builder& be(u64 value, unsigned width) {
        while (width-- > 0)
            u8s({byte_of(value, width)});
        return *this;
    }
    Builder& zeros(u32 count) {
        answer_.length += count;
        return *this;
    }
    Builder& text(std::string_view value, u32 width) {
        for (u32 i = 0; i < width; ++i)
            u8s({static_cast<u8>(i < value.size() ? value[i] : ' ')});
        return *this;
    }
    /// A track address: LBA, or minutes, seconds, frames.
    Builder& address(u32 lba, bool msf) {
        if (!msf) return be(lba, 4);
        const u32 frames = lba + kPregap;
        return u8s({0, static_cast<u8>(frames / 75 / 60), static_cast<u8>(frames / 75 % 60),
                    static_cast<u8>(frames % 75)});
    }
    /// Stores `length` minus what precedes the counted part at the front.
    Answer finish(unsigned length_width, u32 not_counted) {
        for (unsigned i = 0; i < length_width; ++i)
            answer_.bytes[i] = byte_of(answer_.length - not_counted, length_width - 1 - i);
        return answer_;
    }
    Answer take() const { return answer_; }
    u32 length() const { return answer_.length; }
    u8& at(u32 i) { return answer_.bytes[i]; }

private:
    Answer answer_;
};

Answer refuse(const Sense& why) {
    Answer answer;
    answer.error = why;
    return answer;
}

Answer vital_product_data(u8 page, const Drive& drive) {
    constexpr u8 kPages = 0x00;
    constexpr u8 kIdentification = 0x83;
    constexpr u32 kSerialWidth = 20;
    Builder b;
    switch (page) {
    case kPages: return b.u8s({0x05, kPages, 0, 2, kPages, kIdentification}).take();
    case kIdentification:
        b.u8s({0x05, kIdentification, 0, 4 + kSerialWidth});
        b.u8s({0x02, 0x00, 0, kSerialWidth}); // ASCII, vendor specific
        return b.text(drive.serial, kSerialWidth).take();
    }
    return refuse(kInvalidField);
}

/// All points of the table of contents as the disc has them: first and last track, lead-out, track 1.
Answer raw_toc(const Drive& drive, bool msf) {
    Builder b;
    b.be(0, 2).u8s({1, 1});
    const auto point = [&](u8 number) { b.u8s({1, kDataTrack, 0, number, 0, 0, 0}); };
    point(0xa0);
    b.u8s({0, 1, 0, 0});
    point(0xa1);
    b.u8s({0, 1, 0, 0});
    point(0xa2);
    b.address(drive.sectors, msf);
    point(1);
    b.address(0, msf);
    return b.finish(2, 2);
}

struct Features {
    Builder b;
    u32 first;  ///< lowest feature number asked for
    u8 request; ///< RT field: 0 all, 1 current ones, 2 just `first`

    void add(u16 number, u8 version, bool persistent, bool current, std::initializer_list<u8> data) {
        if (number < first || (request == 1 && !current) || (request == 2 && number != first)) return;
        const unsigned flags = u32{version} << 2 | (persistent ? 2U : 0U) | (current ? 1U : 0U);
        b.be(number, 2).u8s({static_cast<u8>(flags), static_cast<u8>(data.size())}).u8s(data);
    }
};

bool is_dvd(const Drive& drive) {
    return drive.sectors > kLargestCd;
}

void add_mode_page(Builder& b, u8 page, const Drive& drive) {
    switch (page) {
    case 0x01: b.u8s({0x01, 6, 0, 5, 0, 0, 0, 0}); break; // error recovery: 5 retries
    case 0x0e: b.u8s({0x0e, 14}).zeros(14); break;        // audio control: silent
    case 0x2a:
        b.u8s({0x2a, 20, 0x3b, 0x00}); // reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM; writes nothing
        b.u8s({0x71, 0x60});           // mode 2, audio claimed: some Linux automounters look for it
        b.u8s({static_cast<u8>(0x29 | (drive.tray_locked ? 0x02 : 0)), 0}); // tray, eject, lock
        b.be(704, 2).be(2, 2).be(512, 2).be(704, 2).zeros(6);               // KiB/s, levels, KiB, KiB/s
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

Answer read_capacity(const Drive& drive) {
    return Builder().be(drive.sectors - 1, 4).be(kSectorSize, 4).take();
}

Answer read_toc(const Cdb& cdb, const Drive& drive) {
    const bool msf = (cdb[1] & 0x02) != 0;
    // Old hosts put the format into the top bits of the control byte.
    const u8 format = (cdb[2] & 0x0f) != 0 ? cdb[2] & 0x0f : cdb[9] >> 6;
    const u8 first_track = cdb[6];
    Builder b;
    switch (format) {
    case 0:
        if (first_track > 1 && first_track != kLeadOut) return refuse(kInvalidField);
        b.be(0, 2).u8s({1, 1});
        if (first_track <= 1) b.u8s({0, kDataTrack, 1, 0}).address(0, msf);
        return b.u8s({0, kDataTrack, kLeadOut, 0}).address(drive.sectors, msf).finish(2, 2);
    case 1: b.be(0, 2).u8s({1, 1, 0, kDataTrack, 1, 0}); return b.address(0, msf).finish(2, 2);
    case 2: return raw_toc(drive, msf);
    }
    return refuse(kInvalidField);
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
    f.add(0x1e, 2, false, cd, {0, 0, 0, 0});                             // CD read
    f.add(0x1f, 0, false, dvd, {});                                      // DVD read
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

Answer disc_information() {
    // Complete disc and last session, one session with one track, unrestricted use, CD-ROM.
    return Builder().be(32, 2).u8s({0x0e, 1, 1, 1, 1, 0x20}).zeros(26).take();
}

Answer mode_sense(const Cdb& cdb, const Drive& drive) {
    enum class Control : u8 { Current, Changeable, Default, Saved };
    const auto control = static_cast<Control>(cdb[2] >> 6);
    const u8 page = cdb[2] & 0x3f;
    if (control == Control::Saved) return refuse(kSavingUnsupported);
    Builder b;
    b.be(0, 2).u8s({drive.sectors > 0 ? u8{0x01} : u8{0x70}, 0, 0, 0, 0, 0}); // 120 mm data, or no disc
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

Answer dvd_structure(const Cdb& cdb, const Drive& drive) {
    if (!is_dvd(drive)) return refuse(kIncompatibleFormat);
    const u8 layer = cdb[6];
    const u8 format = cdb[7];
    Builder b;
    b.be(0, 4);
    switch (format) {
    case 0x00: // physical format
        if (layer != 0) return refuse(kInvalidField);
        b.u8s({0x01, 0x0f, 0x01, 0x00}); // DVD-ROM, 120 mm, one read-only layer
        b.be(kDvdFirstSector, 4).be(kDvdFirstSector + drive.sectors - 1, 4).be(0, 4);
        b.zeros(kSectorSize - 16);
        return b.finish(2, 2);
    case 0x01: return b.zeros(4).finish(2, 2);           // copyright: none
    case 0x04: return b.zeros(kSectorSize).finish(2, 2); // manufacturing
    case 0xff:                                           // the structures there are, all readable
        for (const u8 known : std::initializer_list<u8>{0x00, 0x01, 0x04, 0xff})
            b.u8s({known, 0x40}).be(known == 0x01 ? 8 : kSectorSize + 4, 2);
        return b.finish(2, 2);
    }
    return refuse(kInvalidField);
}

Answer mechanism_status() {
    return Builder().u8s({0, 0, 0, 0, 0, 1, 0, 0}).take();
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
    case Opcode::MODE_SENSE_10: return be16(cdb, 7);
    case Opcode::READ_DVD_STRUCTURE:
    case Opcode::MECHANISM_STATUS: return be16(cdb, 8);
    case Opcode::TEST_UNIT_READY:
    case Opcode::START_STOP_UNIT:
    case Opcode::PREVENT_ALLOW_MEDIUM_REMOVAL:
    case Opcode::READ_10:
    case Opcode::SEEK_10:
    case Opcode::READ_12:
    case Opcode::SET_CD_SPEED:
    case Opcode::READ_CD: return 0;
    }
    return 0;
}

void raw_sector_frame(std::span<u8, kRawSectorSize> sector, u32 lba) {
    const auto bcd = [](u32 n) { return static_cast<u8>(n / 10 << 4 | n % 10); };
    const u32 frames = lba + kPregap;
    std::fill(sector.begin(), sector.end(), u8{0});
    std::fill(sector.begin() + 1, sector.begin() + 11, u8{0xff});
    sector[12] = bcd(frames / 75 / 60);
    sector[13] = bcd(frames / 75 % 60);
    sector[14] = bcd(frames % 75);
    sector[15] = 1; // mode
}

} // namespace dm::mmc
