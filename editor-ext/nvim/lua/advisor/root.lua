--- The root of a file's project.

local editor = require('advisor.editor')
local options = require('advisor.options')

local M = {}

local function has_marker(folder)
  for _, marker in ipairs(options.values.root_markers) do
    if editor.uv.fs_stat(folder .. '/' .. marker) then
      return true
    end
  end
  return false
end

--- The nearest folder around a file that has one of the root markers; the file's own without any.
function M.of(file)
  local own = vim.fn.fnamemodify(file, ':p:h')
  local folder = own
  while true do
    if has_marker(folder) then
      return folder
    end
    local parent = vim.fn.fnamemodify(folder, ':h')
    if parent == folder then
      return own
    end
    folder = parent
  end
end

--- The root of a buffer's file.
function M.of_buffer(bufnr)
  return M.of(vim.api.nvim_buf_get_name(bufnr))
end

return M
