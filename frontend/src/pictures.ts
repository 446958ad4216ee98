// What the live session takes: JPEG or PNG, at most 1 MB. A photo of a phone has five times as much.
const LONGEST_SIDE = 1280;
const QUALITY = 0.82;

/**
 * A picture file as a JPEG data URL, small enough to send.
 * @throws Error If the browser cannot read the file as a picture.
 */
export async function shrinkPicture(file: File): Promise<string> {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext("2d")!;
  context.fillStyle = "white"; // behind a transparent PNG
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.toDataURL("image/jpeg", QUALITY);
}
