// Text in PNG files, as the format has it (iTXt, UTF-8): pictures carry where they come from.
"use strict";
(function () {
  const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  const crc = (bytes) => {
    let sum = 0xffffffff;
    for (const one of bytes) sum = CRC[(sum ^ one) & 255] ^ (sum >>> 8);
    return ~sum >>> 0;
  };
  // Length, type, content, and the checksum of type and content.
  function chunk(text) {
    const content = new TextEncoder().encode(text);
    const made = new Uint8Array(content.length + 8);
    const view = new DataView(made.buffer);
    view.setUint32(0, content.length - 4); // the type does not count
    made.set(content, 4);
    view.setUint32(content.length + 4, crc(content));
    return made;
  }

  const HEAD = 8 + 25; // the signature and IHDR, which comes first
  // The same picture with texts in it: told's keys are of ASCII, at most 79 characters.
  molyneux.pngTold = async (picture, told) => {
    const chunks = Object.entries(told).map(([key, text]) => chunk(`iTXt${key}\0\0\0\0\0${text}`));
    return new Blob([picture.slice(0, HEAD), ...chunks, picture.slice(HEAD)], { type: "image/png" });
  };
})();
