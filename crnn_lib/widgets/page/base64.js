// Bytes as text, as scripts and fields carry them.

/** Bytes of base64 text. @param {string} text */
export function fromBase64(text) {
  let binary = "";
  try {
    binary = atob(text);
  } catch {
    throw new Error("this is not base64");
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
