--- What a project that is not trusted could have put in the way of a program of the person's: no program in its folder
--- is started, and what is started imports nothing from there.

local editor = require('advisor.editor')

local M = {}

local WINDOWS = vim.fn.has('win32') == 1
local BETWEEN = WINDOWS and ';' or ':'
local LINKS = 40 -- as many as Linux follows

-- Lists of folders that decide what a program starts and imports.
local LISTS = { 'PATH', 'PYTHONPATH', 'PYTHONHOME', 'PYTHONUSERBASE', 'PYTHONPYCACHEPREFIX' }

local function parts(path)
  return vim.split(WINDOWS and path:gsub('\\', '/') or path, '/', { plain = true })
end

--- Whether a path is the same in every folder.
function M.absolute(path)
  return vim.startswith(path, '/') or (WINDOWS and path:match('^%a:[/\\]') ~= nil)
end

local function same(one, other)
  return one and other and one.ino == other.ino and one.dev == other.dev
end

--- Whether the way to an absolute path leads through a folder, along its links, too: whoever writes there decides what
--- the path is.
local function leads_through(path, folder)
  local about = editor.uv.fs_stat(folder)
  local ahead, at, links = parts(path), '', 0
  while #ahead > 0 do
    local part = table.remove(ahead, 1)
    if part == '..' then
      at = at:match('^(.*)/[^/]*$') or ''
    elseif part ~= '' and part ~= '.' then
      local here = at == '' and part:match('^%a:$') and WINDOWS and part or at .. '/' .. part
      local target = editor.uv.fs_readlink(here)
      if here == folder or same(editor.uv.fs_stat(here), about) then
        return true
      elseif target then
        links = links + 1
        if links > LINKS then
          return true -- nobody can follow it
        end
        at = M.absolute(target) and '' or at
        ahead = vim.list_extend(parts(target), ahead)
      else
        at = here
      end
    end
  end
  return false
end

--- Whether a path is, or could become, a matter of the project in a root. A relative path is: what it names depends on
--- the folder that Neovim is in. What is in a root that holds the person's home, as a file there has, is theirs.
function M.is(path, root)
  if not M.absolute(path) then
    return true
  end
  local real = editor.real(root)
  local home = editor.uv.os_homedir()
  if home and editor.inside(editor.real(home), real) then
    return false
  end
  return leads_through(path, real)
end

-- The folders of a list without those of a root.
local function own(list, root)
  return vim.tbl_filter(function(folder) return not M.is(folder, root) end, vim.split(list, BETWEEN, { plain = true }))
end

--- The program of a name on the PATH, nil without one; of those in a root, or that are links to there, none.
function M.on_path(name, root)
  for _, folder in ipairs(own(vim.env.PATH or '', root)) do
    local found = vim.fn.exepath(folder .. '/' .. name)
    if found ~= '' and not M.is(found, root) then
      return found
    end
  end
end

--- The variables that a program is started with other than Neovim's own; nil when there is nothing to change.
function M.environment(root)
  local out = {}
  for _, name in ipairs(LISTS) do
    local list = vim.env[name]
    local kept = list and table.concat(own(list, root), BETWEEN)
    if kept ~= list then
      out[name] = kept
    end
  end
  return next(out) and out or nil
end

return M
