// sharp as a peer of image_bench: the same lists, one process, one thread, CPU seconds as JSON.
//     node peers_images.js FOLDER-WITH-SHARP LIST OUT
const fs = require("fs");
const path = require("path");
const [folder, list, out] = process.argv.slice(2);
const sharp = require(path.join(folder, "node_modules", "sharp"));

async function main() {
  sharp.concurrency(1);
  sharp.cache(false);
  const names = fs.readFileSync(list, "utf8").trim().split("\n");
  const start = process.cpuUsage();
  for (const [number, name] of names.entries()) {
    await sharp(name).grayscale().jpeg({ quality: 75 }).toFile(path.join(out, `${number}.jpg`));
  }
  const used = process.cpuUsage(start);
  console.log(JSON.stringify({ cpu_s: (used.user + used.system) / 1e6, files: names.length }));
}
main();
