// Packet commands about the disc. It has one session with one data track, from its first sector to its last.
#include "dm/devices/ide/mmc_builder.hpp"

namespace dm::mmc {
namespace {

constexpr u8 kDataTrack = 0x14; // ADR 1, CONTROL 4
constexpr u8 kLeadOut = 0xaa;
constexpr u32 kDvdFirstSector = 0x30000; // physical number of LBA 0

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

} // namespace

bool is_dvd(const Drive& drive) {
    return drive.sectors > kLargestCd;
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

Answer disc_information(const Cdb& cdb) {
    if ((cdb[1] & 0x07) != 0) return refuse(kInvalidField); // of writable and of larger discs
    // Complete disc and last session, one session with one track, unrestricted use, CD-ROM.
    return Builder().be(32, 2).u8s({0x0e, 1, 1, 1, 1, 0x20}).zeros(26).take();
}

/// The one track, asked for by an address in it, by its number or by that of its session.
Answer track_information(const Cdb& cdb, const Drive& drive) {
    enum class By : u8 { Address, Track, Session };
    const auto by = static_cast<By>(cdb[1] & 0x03);
    const u32 which = be32(cdb, 2);
    if (by == By::Address && which >= drive.sectors) return refuse(kLbaOutOfRange);
    if (by > By::Session || (by != By::Address && which != 1)) return refuse(kInvalidField);
    Builder b;
    b.be(34, 2).u8s({1, 1, 0, 0x04, 0x01, 0}); // track and session 1; data, mode 1
    b.be(0, 4).be(0, 4).be(0, 4).be(0, 4);     // start; nothing can be written
    return b.be(drive.sectors, 4).zeros(8).take();
}

/// What a drive says that plays no audio now.
Answer subchannel(const Cdb& cdb) {
    constexpr u8 kNoAudioStatus = 0x15;
    const bool msf = (cdb[1] & 0x02) != 0;
    const bool data_wanted = (cdb[2] & 0x40) != 0;
    Builder b;
    b.u8s({0, kNoAudioStatus, 0, 0});
    if (!data_wanted) return b.take();
    const u8 format = cdb[3];
    switch (format) {
    case 1: // position
        b.u8s({format, kDataTrack, 1, 1}).address(0, msf).be(0, 4);
        break;
    case 2: // catalogue number, and
    case 3: // that of the recording: neither is there
        b.u8s({format, format == 3 ? kDataTrack : u8{0}, format == 3 ? u8{1} : u8{0}, 0}).zeros(16);
        break;
    default: return refuse(kInvalidField);
    }
    b.at(3) = static_cast<u8>(b.length() - 4);
    return b.take();
}

/// The same speed everywhere, as on the page of capabilities.
Answer performance(const Cdb& cdb, const Drive& drive) {
    const bool writing = (cdb[1] & 0x04) != 0;
    const u8 exceptions = cdb[1] & 0x03;
    const u8 type = cdb[10];
    if (type != 0 || writing || exceptions == 3) return refuse(kInvalidField);
    Builder b;
    if (exceptions != 0) return b.be(4, 4).u8s({0x01, 0, 0, 0}).take(); // none
    b.be(4 + kPerformanceDescriptor, 4).zeros(4);
    return b.be(0, 4).be(kSpeed, 4).be(drive.sectors - 1, 4).be(kSpeed, 4).take();
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

void raw_sector_frame(std::span<u8, kRawSectorSize> sector, u32 lba) {
    const auto bcd = [](u32 n) { return static_cast<u8>(n / 10 << 4 | n % 10); };
    const Msf at = msf_of(lba);
    std::fill(sector.begin(), sector.end(), u8{0});
    std::fill(sector.begin() + 1, sector.begin() + 11, u8{0xff});
    sector[12] = bcd(at.minute);
    sector[13] = bcd(at.second);
    sector[14] = bcd(at.frame);
    sector[15] = 1; // mode
}

std::optional<u32> lba_of_msf(const Cdb& cdb, unsigned at) {
    if (cdb[at + 1] >= 60 || cdb[at + 2] >= 75) return std::nullopt;
    const u32 frames = (u32{cdb[at]} * 60 + cdb[at + 1]) * 75 + cdb[at + 2];
    return frames - kPregap; // before the first sector: beyond every disc's end
}

} // namespace dm::mmc
