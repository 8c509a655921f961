import type { Archive } from './archive.ts';
import { parseArchiveUrl } from './archive-url.ts';
import { createDirectoryArchive } from './directory-archive.ts';

/** Opens what ARCHIVE_URL names; nothing is asked of it yet. Throws TerminalFault `archive_url_invalid`. */
export async function openArchive(url: string): Promise<Archive> {
  const place = parseArchiveUrl(url);
  if (place.kind === 'directory') return createDirectoryArchive(place.folder);
  // The SDK takes a while to load, and most commands of the command line want no archive.
  const { createS3Archive } = await import('./s3-archive.ts');
  return createS3Archive(place);
}
