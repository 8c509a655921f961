import { fileURLToPath } from 'node:url';
import { TerminalFault } from '#shared/faults/faults.ts';

/** Where an archive is, out of ARCHIVE_URL. */
export type ArchivePlace =
  | { readonly kind: 'directory'; readonly folder: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      /** Without slashes at its ends; may be empty. */
      readonly prefix: string;
      /** undefined: Amazon's, by region. */
      readonly endpoint: string | undefined;
      /** undefined: as AWS_REGION or the SDK's config file says. */
      readonly region: string | undefined;
      /** `https://endpoint/bucket/key` instead of `https://bucket.endpoint/key`. */
      readonly pathStyle: boolean;
    };

export const archiveUrlForms =
  "s3://BUCKET/PREFIX?region=REGION (and for a store that is not Amazon's &endpoint=https://HOST:PORT, with &path_style=false where it wants the bucket in the host name), or file:///a/directory";

/** Amazon's own are checked against their region; for others any will do. */
const regionOfOtherStores = 'us-east-1';

/** Throws TerminalFault `archive_url_invalid` that says which forms there are. The URL holds no secret: credentials are the SDK's business. */
export function parseArchiveUrl(text: string): ArchivePlace {
  const invalid = (what: string): TerminalFault =>
    new TerminalFault('archive_url_invalid', `${text} is no archive: ${what}. Set ARCHIVE_URL (or --to) to ${archiveUrlForms}.`);
  if (!URL.canParse(text)) throw invalid('it is no URL');
  const url = new URL(text);
  if (url.protocol === 'file:') {
    if (url.host !== '' || url.search !== '' || url.pathname === '/') throw invalid('a directory is named by its absolute path alone');
    return { kind: 'directory', folder: fileURLToPath(url).replace(/\/+$/, '') };
  }
  if (url.protocol !== 's3:') throw invalid('it begins with neither s3:// nor file://');
  if (url.username !== '' || url.password !== '')
    throw invalid('credentials do not belong into it, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host)) throw invalid('it names no bucket');
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  if (prefix !== '' && !/^[A-Za-z0-9_-][A-Za-z0-9._/-]*$/.test(prefix))
    throw invalid('its prefix has other characters than letters, digits and . _ - /');
  const unknown = [...url.searchParams.keys()].filter((name) => !['endpoint', 'region', 'path_style'].includes(name));
  if (unknown.length > 0) throw invalid(`nothing is known of ${unknown.join(', ')}`);
  const endpoint = url.searchParams.get('endpoint') ?? undefined;
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)))
    throw invalid('its endpoint is no http or https URL');
  const pathStyle = url.searchParams.get('path_style') ?? String(endpoint !== undefined);
  if (pathStyle !== 'true' && pathStyle !== 'false') throw invalid('path_style is true or false');
  const region = url.searchParams.get('region') ?? (endpoint === undefined ? undefined : regionOfOtherStores);
  return { kind: 's3', bucket: url.host, prefix, endpoint, region, pathStyle: pathStyle === 'true' };
}
